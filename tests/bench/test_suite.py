"""The benchmark suite runs and tells what it has measured. How fast it was is nobody's business here."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "loadtests" / "bench" / "run.py"


@pytest.mark.optional
@pytest.mark.skipif(shutil.which("cc") is None and shutil.which("gcc") is None, reason="needs a C compiler")
def test_rows_are_measured_and_written(tmp_path):
    """Each figure of the chosen rows is in the table and in the JSON, with each run beside the median; nothing was lost."""
    command = [sys.executable, str(RUN), "--scale", "0.01", "--repeat", "1", "--row", "2", "--row", "11"]
    written = tmp_path / "figures.json"
    done = subprocess.run([*command, "--json", str(written)], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(written.read_text())
    assert set(told["medians"]) == set(told["runs"]) == {"2 burst, 500 subscribers", "11 starts"}
    assert told["medians"]["2 burst, 500 subscribers"]["bytes"] > 100
    for name, figures in told["medians"].items():
        for figure, value in figures.items():
            assert f"| {name} | {figure} | {value:,.2f} |" in done.stdout
