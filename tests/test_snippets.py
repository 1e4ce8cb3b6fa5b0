"""Every snippet of the README and the guide runs when it is pasted, in the order of its page.

A snippet that can't be run here has `<!-- not run: reason -->` on the line before it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.client.processes import Served

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "rtdash" / "guide").glob("*.md"))]
FENCE = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
SHELLS = [shell for shell in ("bash", "dash", "zsh") if shutil.which(shell)]


def _snippets(language):
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            note = match["note"] or ""
            if match["language"] == language and not note.startswith(("not run", "main", "tests")):
                line = text[: match.start("text")].count("\n") + 1
                found.append(pytest.param(match["text"], id=f"{page.stem}:{line}"))
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server, and an environment in which `rtdash` is the command under test."""
    running = Served(tmp_path_factory.mktemp("snippets") / "data")
    yield running
    running.end()


@pytest.mark.parametrize("text", _snippets("sh"))
def test_shell(text, served, tmp_path):
    """Shell snippets end with 0 in a plain POSIX shell too, and speak to a running server."""
    assert "date -d" not in text, "only GNU's date knows -d"
    environment = os.environ | {
        "RTDASH_DATA": str(served.data),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }
    script = text.replace("http://127.0.0.1:8000", served.url)
    for shell in SHELLS:
        done = subprocess.run(
            [shell, "-eu", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{shell}: {done.stdout}{done.stderr}"
        assert '"status":4' not in done.stdout.replace(" ", ""), done.stdout


@pytest.mark.parametrize("text", _snippets("python"))
def test_python(text, served):
    """Python snippets run for a moment with a token in the environment, and raise nothing."""
    script = text.replace("http://127.0.0.1:8000", served.url)
    script = script.replace("asyncio.run(main())", "asyncio.run(asyncio.wait_for(main(), 3))")
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"RTDASH_TOKEN": served.token()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    is_watching = "async for" in text
    assert done.returncode == 0 or (is_watching and "TimeoutError" in done.stderr), done.stderr
    assert not is_watching or "live" in done.stdout, done.stdout


@pytest.mark.parametrize("text", _snippets("json"))
def test_json(text):
    """JSON snippets are JSON."""
    assert json.loads(text)


@pytest.mark.parametrize("text", _snippets("toml"))
def test_toml(text):
    """TOML snippets are TOML."""
    assert tomllib.loads(text)


@pytest.mark.parametrize("text", _snippets("yaml"))
def test_yaml(text):
    """YAML snippets are YAML."""
    assert yaml.safe_load(text)


@pytest.mark.parametrize("text", _snippets("js"))
def test_javascript(text, tmp_path):
    """JavaScript snippets parse as modules."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    file = tmp_path / "snippet.mjs"
    file.write_text(text)
    done = subprocess.run([node, "--check", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
