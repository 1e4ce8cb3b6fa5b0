"""A store on a disk that fails at writes and fsyncs, under a kernel that then shows what the disk
doesn't have: nothing that was acknowledged is lost at a power cut, and the file is whole.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import FULL

pytestmark = [
    pytest.mark.optional,
    pytest.mark.skipif(sys.platform != "linux", reason="the simulation is of Linux"),
    pytest.mark.timeout(3_600 if FULL else 400),
]

SEEDS = range(1, 201) if FULL else range(11, 21)
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated disk, compiled."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("cc is not installed")
    library = tmp_path_factory.mktemp("simulation") / "simulated_disk.so"
    source = HERE / "simulated_disk.c"
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", "-o", library, source, "-lpthread"], check=True
    )
    return library


def test_a_failing_disk_loses_nothing_that_was_acknowledged(
    simulation: Path, tmp_path: Path
) -> None:
    """Failed fsyncs and writes of database and log, pages dropped, readers and another program in
    the way of checkpoints; the power is cut hundreds of times.
    """
    lives = subprocess.run(
        [sys.executable, "-m", "tests.faults.disk_lives", tmp_path, *map(str, SEEDS)],
        env={**os.environ, "LD_PRELOAD": str(simulation)},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    seen = [json.loads(line) for line in lives.stdout.splitlines()]
    assert [life for life in seen if life["wrong"]] == [], "their homes are kept, with a trace each"
    assert (lives.returncode, len(seen)) == (0, len(SEEDS)), lives.stderr[-3_000:]
    for what in ("failed", "given_up", "evicted"):
        assert sum(life[what] for life in seen), f"the simulation has no page {what}"
