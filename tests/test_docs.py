"""The guide and the README name every setting, command, metric, close code and test that exist, and
none that do not.
"""

import ast
import re
from pathlib import Path

import pytest
from typer.main import get_command

from rtdash.cli.main import _register, app
from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.server.metrics.registry import Metrics
from rtdash.settings import Limits, Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
GUIDE = {path.stem: path.read_text() for path in (ROOT / "rtdash" / "guide").glob("*.md")}
CITATION = re.compile(r'\bguide: ([a-z-]+), "([^"]+)"')


@pytest.mark.parametrize(
    "name", [name for name in (*Settings.model_fields, *Limits.model_fields) if name != "limits"]
)
def test_setting_is_documented(name):
    """Each setting stands in the operations page by its environment variable."""
    assert f"`RTDASH_{name.upper()}`" in GUIDE["operations"]


def test_commands_are_documented():
    """Each command stands in the table of the commands page."""
    _register()
    for name, command in get_command(app).commands.items():
        assert command.hidden or f"| `rtdash {name}` |" in GUIDE["commands"], name


@pytest.mark.parametrize(
    "name", sorted(file.stem for file in (ROOT / "loadtests" / "scenarios").glob("*.toml"))
)
def test_scenarios_are_documented(name):
    """Each scenario stands in the load test's page and in the help of its command."""
    _register()
    command = get_command(app).commands["loadtest"]
    named = next(one.help for one in command.params if one.name == "scenario")
    assert f"| `{name}` |" in GUIDE["loadtest"]
    assert name in re.findall(r"[\w-]+", named)


def test_limits_have_their_defaults():
    """The default that the operations page gives is the one that holds."""
    pattern = r"^\| (`RTDASH_[^|]+) \|[^|]*\| ([^|]+) \|$"
    for variables, given in re.findall(pattern, GUIDE["operations"], re.MULTILINE):
        names = [name.lower() for name in re.findall(r"RTDASH_(\w+)", variables)]
        if all(name in Limits.model_fields for name in names):
            held = ", ".join(_shown(Limits.model_fields[name].default) for name in names)
            assert given == held, variables


def test_metrics_are_documented():
    """Each metric of our own stands in the operations page."""
    for metric in Metrics().registry.collect():
        is_known = f"`{metric.name}`" in GUIDE["operations"]
        assert is_known or metric.name.startswith("process_"), metric.name


def test_codes_are_documented():
    """Each close code and each error code stands in the protocol page."""
    for code in CloseCode:
        assert re.search(rf"^\|[^|]*\b{int(code)}\b", GUIDE["protocol"], re.MULTILINE), code
    for error in ErrorCode:
        assert f"`{error.value}`" in GUIDE["protocol"], error


def test_threats_are_answered_by_tests():
    """Each row of the security table names tests, and each of them exists."""
    rows = re.findall(
        r"^\| (?!threat|---)([^|]+) \|[^|]+\| ([^|]+) \|$", GUIDE["security"], re.MULTILINE
    )
    assert len(rows) >= 20
    for threat, tests in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", tests)
        assert named, threat
        for file, name in named:
            assert name in _tests(ROOT / file), f"{file}::{name}"


def test_what_code_cites_is_a_heading():
    """A citation such as (guide: protocol, "Heartbeat") names a heading of that page."""
    for path in (ROOT / "rtdash").rglob("*.py"):
        text = re.sub(r"\s*\n\s*", " ", path.read_text())
        for page, heading in CITATION.findall(text):
            assert heading in _headings(GUIDE[page]), f"{path}: {page}, {heading}"


def test_links_resolve():
    """Each relative link of README and guide leads to a file, and its fragment to a heading."""
    pages = [ROOT / "README.md", *(ROOT / ".github").glob("*.md")]
    for page in [*pages, *(ROOT / "rtdash" / "guide").glob("*.md")]:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            file, _, fragment = target.partition("#")
            if not file.startswith(("http://", "https://")):
                linked = page.parent / file if file else page
                assert linked.exists(), f"{page}: {target}"
                assert not fragment or fragment in {
                    _slug(heading) for heading in _headings(linked.read_text())
                }, f"{page}: {target}"


def test_pages_open_with_their_purpose():
    """Each page has one title and an example near its beginning; the README lists them all."""
    for name, text in GUIDE.items():
        assert text.startswith("# "), name
        assert "xample" in text[:900] or "```" in text[:900], name
        assert f"(rtdash/guide/{name}.md)" in README, name


def test_the_readme_is_short():
    """The README is read by a newcomer in one go."""
    assert len(README.splitlines()) <= 200
    assert "RTDASH_TEST_" not in README


def test_exactly_two_set_up_commands():
    """One command runs the main job, one passes the tests."""
    assert len(re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)) == 2


def _headings(text):
    return [line.lstrip("#").strip() for line in text.splitlines() if line.startswith("#")]


def _slug(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


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


def test_the_files_that_architecture_names_are_there():
    """A reader who follows a row of the table finds the file; the table moves with the code."""
    page = (ROOT / "rtdash" / "guide" / "architecture.md").read_text()
    named = re.findall(r"`(?:rtdash/)?([\w/]+/[\w/]+\.(?:py|js))`", page)
    assert len(named) > 30
    assert [name for name in named if not (ROOT / "rtdash" / name).is_file()] == []
