"""The lock file holds a version of every dependency that pyproject.toml allows, with its hashes."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
LOCK = (ROOT / ".ci" / "requirements.txt").read_text()


def test_the_lock_satisfies_the_project() -> None:
    """`.ci/dependencies lock` writes it anew."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [Requirement(one) for group in (project["dependencies"], *extras) for one in group]
    locked = dict(re.findall(r"^([\w.-]+)==([^ ;]+)", LOCK, re.MULTILINE))
    for one in asked:
        if one.name != project["name"]:
            assert one.specifier.contains(locked[one.name.lower()], prereleases=True), one


def test_the_lock_names_no_machine() -> None:
    """No index and no path, which would hold only where it was written; a hash for everything."""
    assert "://" not in LOCK
    assert "--index" not in LOCK
    for block in re.split(r"^(?=\S)", LOCK, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]
