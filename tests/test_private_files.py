"""Files of one user: their modes, whatever the umask; links and files of others are refused."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdash.private_files import (
    FileUnsafe,
    make_directory,
    open_private,
    read_private,
    write_private,
)
from rtdash.settings import SecretUnusable, Settings, load_secret
from rtdash.store.database import Database, StoreError
from tests.stores import ManualClock, anyio_backend

__all__ = ["anyio_backend"]


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(directory: Path) -> set[str]:
    return {one.name for one in directory.iterdir()}


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["data", "with space", "a#b", "month%20end", "what?x=1", "é"])
async def test_a_store_lies_where_it_was_said_and_is_private(tmp_path: Path, name: str) -> None:
    """Database, log, lock and mark, in a directory whose name means something in URLs."""
    data = tmp_path / name
    settings = Settings(data=data)
    load_secret(settings)
    store = await Database.open(settings.database_url, data_dir=data, clock=ManualClock())
    await store.probe()
    found = {one: mode(data / one) for one in names(data)}
    await store.close()
    assert {"rtdash.db", "rtdash.db-wal", "rtdash.db.lock", "secret"} <= found.keys()
    assert set(found.values()) == {0o600}
    assert mode(data) == 0o700
    assert names(tmp_path) == {name}


@pytest.mark.anyio
async def test_files_of_before_are_narrowed(tmp_path: Path) -> None:
    """A store that an older version has left readable for all users."""
    url = f"sqlite:///{tmp_path / 'rtdash.db'}"
    await (await Database.open(url, data_dir=tmp_path, clock=ManualClock())).close()
    (tmp_path / "rtdash.db").chmod(0o644)
    await (await Database.open(url, data_dir=tmp_path, clock=ManualClock())).close()
    assert mode(tmp_path / "rtdash.db") == 0o600


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["rtdash.db", "rtdash.db.lock", "rtdash.db-wal"])
async def test_a_link_is_not_followed(tmp_path: Path, name: str) -> None:
    """What it leads to stays as it was."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    data = tmp_path / "data"
    data.mkdir()
    (data / name).symlink_to(victim)
    with pytest.raises(StoreError, match="symbolic link") as refused:
        await Database.open(f"sqlite:///{data / 'rtdash.db'}", data_dir=data, clock=ManualClock())
    assert refused.value.hint
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path, _: path.symlink_to("/etc/hostname"), "symbolic link"),
        (lambda path, base: path.symlink_to(base / "nowhere"), "symbolic link"),
        (lambda path, _: path.mkdir(), "not a file"),
        (lambda path, _: os.mkfifo(path), "not a file"),
        (lambda path, _: (path.write_text("A" * 40), path.chmod(0o666)), "written by other users"),
        (lambda path, _: (path.write_text("A" * 40), path.chmod(0o620)), "written by other users"),
        (lambda path, _: (path.write_bytes(b"\xff" * 40), path.chmod(0o600)), "UTF-8"),
    ],
)
def test_a_secret_that_another_user_may_have_put_there_is_refused(
    tmp_path: Path, make: object, words: str
) -> None:
    """A user who knows the secret can sign every token."""
    make(tmp_path / "secret", tmp_path)
    with pytest.raises(SecretUnusable, match=words) as refused:
        load_secret(Settings(data=tmp_path))
    assert refused.value.hint
    assert "AAAA" not in f"{refused.value}{refused.value.hint}"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.optional
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """Root serves a user's directory, but no file that a user has put into root's."""
    secret = tmp_path / "secret"
    secret.write_text("A" * 40)
    secret.chmod(0o600)
    os.chown(secret, 65534, 65534)
    with pytest.raises(FileUnsafe, match="uid 65534"):
        read_private(secret)
    os.chown(tmp_path, 65534, 65534)
    assert read_private(secret) == b"A" * 40


@pytest.mark.parametrize("rights", [0o777, 0o755])
def test_a_directory_that_others_may_use_is_narrowed(
    rights: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As the threat table promises, where it is empty or holds nothing but ours."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "rtdash.db-wal").touch()
    directory.chmod(rights)
    make_directory(directory)
    assert mode(directory) == 0o700
    assert caplog.records == []


@pytest.mark.parametrize(("rights", "verb"), [(0o777, "written"), (0o755, "read")])
def test_a_directory_with_other_things_is_warned_of(
    rights: int, verb: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A home directory or a checkout keeps its rights; it is no reason not to start."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "README.md").touch()
    directory.chmod(rights)
    for _ in range(3):
        make_directory(directory)
    assert mode(directory) == rights
    assert [f"may be {verb} by other users" in record.message for record in caplog.records] == [
        True
    ]


def test_writing_replaces_a_link(tmp_path: Path) -> None:
    """And leaves nothing beside it."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "address").symlink_to(victim)
    write_private(tmp_path / "address", "http://127.0.0.1:8000\n")
    assert victim.read_text() == "precious"
    assert not (tmp_path / "address").is_symlink()
    assert {one.name for one in tmp_path.iterdir()} == {"victim", "address"}
    assert mode(tmp_path / "address") == 0o600


def test_a_read_only_file_system_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mode that can't be narrowed stays."""

    def refuse(_number: int, _mode: int) -> None:
        raise OSError(30, "read-only file system")

    monkeypatch.setattr(os, "fchmod", refuse)
    (tmp_path / "file").touch()
    os.close(open_private(tmp_path / "file", os.O_RDONLY))
