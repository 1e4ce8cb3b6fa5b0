"""A server as it is typed, whose metrics are looked at."""

from collections.abc import Iterator

import pytest

from tests.client.processes import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for the tests of a module, with the packaged venues and a secret of its own."""
    running = Served(tmp_path_factory.mktemp("served") / "data")
    yield running
    running.end()
