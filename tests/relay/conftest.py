"""The fixture of every test of the relay."""

import asyncio

import pytest


@pytest.fixture
def run():
    """Run an async test body."""
    with asyncio.Runner() as runner:
        yield runner.run
