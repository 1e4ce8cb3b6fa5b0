"""The reusable GitHub Action: its step as a script, and what actionlint says of it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "loadtest" / "action.yml"


def step() -> str:
    """The script of the step that runs the load test."""
    action = yaml.safe_load(ACTION.read_text())
    (found,) = [one for one in action["runs"]["steps"] if one.get("id") == "run"]
    return found["run"]


def run(tmp_path: Path, code: int, **inputs: str) -> tuple[int, str, str]:
    """Exit code of the step, what it gave `rtdash`, and what it gave GitHub."""
    (tmp_path / "rtdash").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexit {code}\n')
    (tmp_path / "rtdash").chmod(0o755)
    given = {
        "SCENARIO": "ci",
        "URL": "",
        "RTDASH_TOKEN": "",
        "SLO": "",
        "BASELINE": "",
        "REPORT": "out",
        "FAIL_ON_INVALID": "true",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        **inputs,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
    }
    done = subprocess.run(["bash", "-e", "-c", step()], env=given, check=False, timeout=30)
    told = (tmp_path / "arguments").read_text().strip()
    return done.returncode, told, (tmp_path / "output").read_text().strip()


@pytest.mark.parametrize(
    ("code", "inputs", "expected"),
    [
        (0, {}, 0),
        (99, {}, 99),
        (98, {}, 98),
        (98, {"FAIL_ON_INVALID": "false"}, 0),
        (99, {"FAIL_ON_INVALID": "false"}, 99),
    ],
)
def test_the_job_fails_with_the_verdict(
    tmp_path: Path, code: int, inputs: dict[str, str], expected: int
):
    """A run without a verdict may be let through, and is still reported."""
    assert run(tmp_path, code, **inputs) == (
        expected,
        "loadtest ci --report out",
        f"exit-code={code}",
    )


def test_inputs_become_options(tmp_path: Path):
    """Inputs that are given become options; a token never stands on the command line."""
    inputs = {"URL": "https://x.example", "SLO": "my slo.toml", "RTDASH_TOKEN": "secret"}
    _, told, _ = run(tmp_path, 0, **inputs)
    assert told == "loadtest ci --report out --url https://x.example --slo my slo.toml"


@pytest.mark.optional
@pytest.mark.skipif(not shutil.which("actionlint"), reason="no actionlint on the path")
def test_actionlint_finds_nothing():
    """In the workflow that uses the action, nor in the action's inputs."""
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
    done = subprocess.run(
        ["actionlint", *map(str, workflows)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
