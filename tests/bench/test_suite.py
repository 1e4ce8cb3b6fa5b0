"""The benchmark suite runs and prints what it has measured. Its speed is not judged here."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "loadtests" / "bench" / "run.py"


@pytest.mark.optional
@pytest.mark.timeout(250)
@pytest.mark.skipif(
    shutil.which("cc") is None and shutil.which("gcc") is None, reason="needs a C compiler"
)
def test_rows_are_measured_and_written(tmp_path):
    """Each figure of the chosen rows is in the table and in the JSON, beside what it must reach;
    nothing was lost; what is not installed is named.
    """
    rows = {
        "2": "2 burst, 500 subscribers",
        "8": "8 storm, 10,000 connections",
        "12": "12 reports of a year",
        "15": "15 lists of reservations",
        "19": "19 a process of a fleet",
    }
    chosen = [word for number in rows for word in ("--row", number)]
    command = [sys.executable, str(RUN), "--scale", "0.01", "--repeat", "1", *chosen]
    written = tmp_path / "figures.json"
    done = subprocess.run(
        [*command, "--json", str(written)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(written.read_text())
    assert set(told["medians"]) == set(told["runs"]) == set(rows.values())
    burst, storm, reports, lists, fleet = (told["medians"][name] for name in rows.values())
    assert (burst["lost"], storm["lost"], storm["not_back"], storm["not_recovered"]) == (0, 0, 0, 0)
    assert ("of_nats_cpu" in burst) is (shutil.which("nats-server") is not None)
    assert min(reports.values()) > 0
    assert lists["list_bytes"] > 10_000
    assert (fleet["not_live"], fleet["kib_a_connection"] > 0) == (0, True)
    for name, figures in told["medians"].items():
        for figure, value in figures.items():
            assert f"| {name} | {figure} | {value:,.2f} |" in done.stdout
    for figure, needs in told["missing"].items():
        assert f"{figure} | | | | " in done.stdout
        assert f"not measured: needs {needs}" in done.stdout
    assert "| ≤ 0 | reached |" in done.stdout
