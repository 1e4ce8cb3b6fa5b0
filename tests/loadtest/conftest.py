"""Load tests measure time: those of two processes of pytest-xdist wait for each other."""

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def _alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold a lock for the modules of this folder itself; those below it run no load."""
    if request.path.parent != HERE:
        yield
        return
    with (Path(tempfile.gettempdir()) / "rtdash-loadtests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
