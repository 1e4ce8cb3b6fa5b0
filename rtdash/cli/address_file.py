"""The server's address, left in the data directory for the other commands of this machine."""

from pathlib import Path

from rtdash.cli.credentials import ADDRESS_FILE
from rtdash.private_files import make_directory, write_private


class AddressFile:
    """The file `address` of a data directory while a server runs there."""

    def __init__(self, directory: Path, url: str) -> None:
        self._path = directory / ADDRESS_FILE
        self._url = url

    def write(self) -> None:
        """Write the URL in one step: a reader finds all of it or nothing. Raises OSError."""
        if not self._url.startswith("http"):
            return  # a Unix socket, which the other commands don't speak to
        # with PostgreSQL and a secret from a setting, nothing has made the directory before
        make_directory(self._path.parent)
        write_private(self._path, self._url + "\n")

    def remove(self) -> None:
        """Remove the file, unless another server has put its own address there."""
        try:
            if self._path.read_text(encoding="utf-8").strip() == self._url:
                self._path.unlink()
        except OSError:
            return
