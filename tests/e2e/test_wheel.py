"""The built wheel, installed alone in an empty virtual environment outside the checkout, runs
everything.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The `rtdash` command of an environment that has the wheel and what it depends on, nothing
    else.
    """
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = place.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", place / "venv"], check=True)
    subprocess.run([place / "venv" / "bin" / "pip", "install", "-q", wheel], check=True)
    return place / "venv" / "bin" / "rtdash"


@pytest.fixture
def run(installed, tmp_path):
    """Run the installed command in an empty directory with data of its own."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RTDASH_", "PYTHON"))
    } | {"RTDASH_DATA": str(tmp_path / "data")}

    def call(*arguments, check=True):
        return subprocess.run(
            [installed, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=check,
        )

    call.environment = environment
    call.cwd = tmp_path
    call.command = installed
    return call


def test_dry_run_has_its_data(run):
    """Calibration and venue files travel in the wheel."""
    lines = run(
        "simulate", "--dry-run", "--count", "3", "--profile", "resort", "--start", "2026-01-01"
    ).stdout.splitlines()
    assert {json.loads(line)["op"] for line in lines} >= {"book"}


def test_serve_simulate_watch(run):
    """A server of the wheel migrates its store, takes traffic, and is watched."""
    log = run.cwd / "serve.log"
    with log.open("w") as out:
        server = subprocess.Popen(
            [run.command, "serve", "--port", "0"],
            cwd=run.cwd,
            env=run.environment,
            stdout=out,
            stderr=out,
        )
    try:
        address = run.cwd / "data" / "address"
        while not address.exists():
            assert server.poll() is None, log.read_text()
        assert "applied" in run("simulate", "--rate", "20/s", "--duration", "2s").stderr
        seen = [
            json.loads(line)
            for line in run(
                "watch", "hotel_stats", "restaurant_reservations", "--json", "--once"
            ).stdout.splitlines()
        ]
        assert {"stats_update", "room_availability_update"} <= {message["type"] for message in seen}
        assert any(message["type"] in {"new_reservation", "reservation_update"} for message in seen)
        assert run("venues").stdout.startswith("harbour-hotel")
    finally:
        server.terminate()
        assert server.wait(60) == 0, log.read_text()


def test_module_is_the_command(run):
    """`python -m rtdash` is the same."""
    python = run.command.parent / "python"
    done = subprocess.run(
        [python, "-m", "rtdash", "--version"],
        cwd=run.cwd,
        env=run.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("rtdash ")
