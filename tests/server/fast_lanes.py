"""Servers with the fast lane, which tests of several modules talk to."""

from collections.abc import Iterator

import pytest

from tests.server.sockets import Server, serving


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A fast lane on each event loop: their transports differ."""
    with serving(
        tmp_path_factory.mktemp(request.param), "fast", uvloop=request.param == "uvloop"
    ) as running:
        yield running
