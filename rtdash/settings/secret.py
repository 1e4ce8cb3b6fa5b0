"""The secret of this machine that signs and verifies HS256 tokens."""

import contextlib
import os
import secrets
from pathlib import Path

from rtdash.settings.model import Settings

SECRET_FILE = "secret"  # noqa: S105
MIN_SECRET_BYTES = 32
"""Shortest key that HS256 allows (RFC 7518 section 3.2)."""


# a refusal at the start, for the person who configured the server
class SecretUnusable(Exception):  # noqa: N818
    """The secret that signs tokens is too short; the text never holds it."""

    hint = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"


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
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = _read_or_create(path)
    if len(secret.encode()) < MIN_SECRET_BYTES:
        where = "the setting RTDASH_SECRET" if settings.secret is not None else str(path)
        raise SecretUnusable(f"the secret in {where} has fewer than {MIN_SECRET_BYTES} bytes")
    return secret


def _read_or_create(path: Path) -> str:
    """Read the file. Of several processes that start at once one creates it, and all read the
    same.
    """
    if not path.exists():
        mine = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(
            os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(mine, path)
        mine.unlink()
    return path.read_text(encoding="utf-8").strip()
