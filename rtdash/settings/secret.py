"""The secret of this machine that signs and verifies HS256 tokens."""

import contextlib
import os
import secrets
from pathlib import Path

from rtdash.private_files import FileUnsafe, make_directory, read_private, write_private
from rtdash.settings.model import Settings

SECRET_FILE = "secret"  # noqa: S105
MIN_SECRET_BYTES = 32
"""Shortest key that HS256 allows (RFC 7518 section 3.2)."""


# a refusal at the start, for the operator
class SecretUnusable(Exception):  # noqa: N818
    """The secret that signs tokens is too short, unreadable, or another user's; the text never
    holds it.
    """

    def __init__(
        self,
        problem: str,
        *,
        hint: str = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'",
    ) -> None:
        super().__init__(problem)
        self.hint = hint


def load_secret(settings: Settings) -> str:
    """Return the secret that signs and verifies HS256 tokens: the setting, or the file `secret` in
    the data directory.

    The file is created at the first start, readable by its owner only. Raises SecretUnusable,
    OSError.
    """
    path = settings.data / SECRET_FILE
    if settings.secret is not None:
        secret = settings.secret.get_secret_value()
    else:
        make_directory(settings.data)
        secret = _read_or_create(path)
    if len(secret.encode()) < MIN_SECRET_BYTES:
        where = "the setting RTDASH_SECRET" if settings.secret is not None else str(path)
        raise SecretUnusable(f"the secret in {where} has fewer than {MIN_SECRET_BYTES} bytes")
    return secret


def _read_or_create(path: Path) -> str:
    """Read the file. Of several processes that start at once one creates it, and all read the
    same.
    """
    if not os.path.lexists(path):
        mine = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        write_private(mine, secrets.token_urlsafe(48) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(mine, path)
        mine.unlink()
    try:
        return read_private(path).decode("utf-8-sig").strip()
    except FileUnsafe as unsafe:
        raise SecretUnusable(str(unsafe), hint=unsafe.hint) from None
    except UnicodeDecodeError:
        raise SecretUnusable(f"the secret in {path} is no text in UTF-8") from None
