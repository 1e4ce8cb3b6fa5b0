"""The bound on connections follows the open files that the process may have."""

import logging
import resource
from pathlib import Path

import pytest

from rtdash.server import open_files
from rtdash.server.open_files import RESERVED_FILES, fit_to_open_files
from rtdash.settings import Limits, Settings


@pytest.mark.parametrize(
    ("files", "wanted", "sockets", "http"),
    [
        (1_000_000, 10_000, 10_000, 10_000),
        (RESERVED_FILES + 1_000, 10_000, 750, 250),
        (RESERVED_FILES + 15_000, 10_000, 10_000, 5_000),
        (RESERVED_FILES + 1_000, 0, 750, 250),
        (RESERVED_FILES + 1_000, 100, 100, 100),
        (64, 10_000, 12, 4),
        (resource.RLIM_INFINITY, 10_000, 10_000, 10_000),
    ],
)
def test_connections_fit_into_the_open_files(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    files: int,
    wanted: int,
    sockets: int,
    http: int,
) -> None:
    """WebSockets and plain HTTP together; a promise that can't be kept is said at the start."""
    monkeypatch.setattr(open_files.resource, "getrlimit", lambda _: (files, files))
    settings = Settings(data=tmp_path, limits=Limits(max_connections=wanted))
    fitted, beside = fit_to_open_files(settings)
    assert (fitted.limits.max_connections, beside) == (sockets, http)
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert bool(warned) == (sockets < wanted)
