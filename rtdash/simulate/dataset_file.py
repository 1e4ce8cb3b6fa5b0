"""File of the booking data set: text of a .csv file, or of the one in a .zip file."""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotTheDataSet(Exception):  # noqa: N818
    """File that is not this data set, or can't be opened; the text says why."""


@contextmanager
def open_text(path: Path) -> Iterator[Iterator[str]]:
    """Open the lines of the file. Raises NotTheDataSet, also while they are read."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(_only_csv(archive, path)) as packed:
                yield io.TextIOWrapper(packed, encoding="utf-8-sig", errors="replace")
        else:
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
                yield text
    except (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
    ) as error:  # RuntimeError: it wants a password, or an unknown compression
        raise NotTheDataSet(f"{path} can't be unpacked: {error}") from None
    except OSError as error:
        raise NotTheDataSet(f"{path} can't be read: {error.strerror or error}") from None


def _only_csv(archive: zipfile.ZipFile, path: Path) -> str:
    names = [
        name
        for name in archive.namelist()
        if name.lower().endswith(".csv") and not name.startswith("__MACOSX/")
    ]
    if len(names) != 1:
        raise NotTheDataSet(f"{path} must hold one .csv file, and holds {len(names)}")
    return names[0]
