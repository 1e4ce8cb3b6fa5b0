"""An online copy of a SQLite store, marked: the first server that opens it draws a new epoch."""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from rtdash.private_files import open_private
from rtdash.store.errors import StoreError, StoreUnavailable, translate

PAGES_AT_ONCE = 2_000
"""Copied between two calls of `progress`; writers wait for none of it, since the log is a WAL."""

_MARK = (
    "INSERT INTO origin (key, value) VALUES ('copied_at', ?)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)


def copy_store(
    source: Path, target: Path, *, now_ms: int, progress: Callable[[int, int], None]
) -> None:
    """Copy the store in the file `source` to a new file `target`, while a server works on it.

    `progress(done, total)` is called with numbers of pages. The copy is whole and checked, or not
    there. Raises StoreError.
    """
    if not source.exists():
        raise StoreError(f"there is no store in {source}", hint="name its directory: --data DIR")
    draft = target.with_name(f"{target.name}.part")
    if target.exists():
        raise StoreError(f"{target} exists", hint="name a file that is not there yet")
    try:
        os.close(open_private(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        _copy(source, draft, now_ms, progress)
        os.link(draft, target)  # unlike a rename, it replaces nothing
    except FileExistsError:
        raise StoreError(f"{target} exists", hint="name a file that is not there yet") from None
    except OSError as error:
        raise StoreError(
            f"{target} can't be written: {error.strerror or error}",
            hint="choose a directory that you may write and that has room",
        ) from None
    except sqlite3.Error as error:
        raise translate(error) or StoreUnavailable(str(error), reason="broken") from error
    finally:
        draft.unlink(missing_ok=True)


def _copy(source: Path, draft: Path, now_ms: int, progress: Callable[[int, int], None]) -> None:
    uri = f"file:{quote(str(source.absolute()))}?mode=ro"
    with (
        contextlib.closing(sqlite3.connect(uri, uri=True)) as original,
        contextlib.closing(sqlite3.connect(draft)) as copy,
    ):
        # One read transaction: what is committed meanwhile is not in the copy, and does not make
        # the copying start over.
        original.execute("BEGIN")
        original.execute("SELECT count(*) FROM meta").fetchone()
        original.backup(
            copy,
            pages=PAGES_AT_ONCE,
            progress=lambda _status, left, total: progress(total - left, total),
        )
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute(_MARK, (str(now_ms),))
        copy.commit()
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreUnavailable(f"the copy is damaged: {verdict}", reason="broken")
    with draft.open("rb") as written:
        os.fsync(written.fileno())
