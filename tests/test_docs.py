"""The README names every setting, command and metric, and no test that isn't there."""

import ast
import re
from pathlib import Path

import pytest
from typer.main import get_command

from rtdash.cli.main import _register, app
from rtdash.server.metrics.registry import Metrics
from rtdash.settings import Limits, Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    "name", [name for name in (*Settings.model_fields, *Limits.model_fields) if name != "limits"]
)
def test_setting_is_documented(name):
    """Each setting stands in the README by its environment variable."""
    assert f"`RTDASH_{name.upper()}`" in README


def test_commands_are_documented():
    """Each command stands in the README's table."""
    _register()
    for name in get_command(app).commands:
        assert f"| `rtdash {name}` |" in README, name


def test_limits_have_their_defaults():
    """The default that the README tells is the one that holds."""
    rows = dict(re.findall(r"^\| (`RTDASH_[^|]+) \|[^|]*\| ([^|]+) \|$", README, re.MULTILINE))
    for variables, told in rows.items():
        names = [name.lower() for name in re.findall(r"RTDASH_(\w+)", variables)]
        if all(name in Limits.model_fields for name in names):
            held = ", ".join(_shown(Limits.model_fields[name].default) for name in names)
            assert told == held, variables


def test_metrics_are_documented():
    """Each metric of our own stands in the README."""
    for metric in Metrics().registry.collect():
        assert f"`{metric.name}`" in README or metric.name.startswith("process_"), metric.name


def test_threats_are_answered_by_tests():
    """Each row of the security table names tests, and each of them exists."""
    section = README.partition("\n## Security\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (?!threat|---)([^|]+) \|[^|]+\| ([^|]+) \|$", section, re.MULTILINE)
    assert len(rows) >= 20
    for threat, tests in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", tests)
        assert named, threat
        for file, name in named:
            assert name in _tests(ROOT / file), f"{file}::{name}"


def test_exactly_two_set_up_commands():
    """One command runs the main job, one passes the tests."""
    assert len(re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)) == 2


def _tests(file):
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _shown(default):
    match default:
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}"
        case _:
            return str(default)
