"""Standard streams that are closed, full or gone: one line or none, never a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.processes import Served

RTDASH = f"{sys.executable} -m rtdash"


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("command", "out", "reason"),
    [
        ("token", ">/dev/full", "No space left on device"),
        ("help", ">/dev/full", "No space left on device"),
        ("watch hotel_stats", ">/dev/full", "No space left on device"),
        ("watch hotel_stats --once", ">&-", "Bad file descriptor"),
        ("venues", ">&-", "Bad file descriptor"),
    ],
)
def test_output_that_cant_be_written(served: Served, command: str, out: str, reason: str) -> None:
    """1, and one line that says why."""
    data = "" if command == "help" else f"--data {served.data}"
    done = shell(f"{RTDASH} {command} {data} {out}")
    lines = done.stderr.splitlines()
    assert done.returncode == 1, done.stderr
    assert f"rtdash: the output can't be written: {reason}" in lines
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "<&- 2>&-"])
def test_messages_that_cant_be_written_end_nothing(served: Served, streams: str) -> None:
    """Messages on stderr matter less than the data on stdout."""
    done = shell(f"{RTDASH} watch hotel_stats --once --json --data {served.data} {streams}")
    assert done.returncode == 0
    assert done.stdout.count("\n") == 2


def test_a_closed_descriptor_never_becomes_a_database(tmp_path: Path) -> None:
    """Every file that the command opens has a number above those of the standard streams."""
    probe = tmp_path / "probe.py"
    probe.write_text(
        "from rtdash.cli.streams import settle_streams\n"
        "settle_streams()\n"
        "import os, pathlib\n"
        "number = os.open('file', os.O_RDWR | os.O_CREAT)\n"
        "pathlib.Path('number').write_text(str(number))\n"
    )
    done = shell(f"cd {tmp_path} && {sys.executable} probe.py <&- >&- 2>&-")
    assert done.returncode == 0
    assert int((tmp_path / "number").read_text()) > 2
