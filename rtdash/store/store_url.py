"""From a store's URL to its engines, and the words for a URL that names none."""

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from rtdash.store.engines import Engines
from rtdash.store.errors import BadStoreUrl
from rtdash.store.sqlite_engines import sqlite_engines

_FORMS = "give sqlite:///PATH or postgresql://USER@HOST/DATABASE"
_SQLITE = "sqlite:///"


def open_engines(url: str, *, busy_timeout_s: float) -> Engines:
    """Return engines for `sqlite:///path` or `postgresql://…`. Nothing is connected yet.

    What stands behind `sqlite:///` is the path as it is: `?`, `#` and `%` belong to it. Raises
    BadStoreUrl.
    """
    if url.startswith(_SQLITE):
        return sqlite_engines(url.removeprefix(_SQLITE), busy_timeout_s)
    if url.startswith("postgres://"):  # as some providers write it
        url = url.replace("postgres://", "postgresql://", 1)
    try:
        parsed = make_url(url)
        name = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        # their texts may quote half of a password
        raise BadStoreUrl("the database URL can't be read", hint=_FORMS) from None
    except ModuleNotFoundError:
        raise BadStoreUrl(f"a store can't be {url.partition(':')[0]!r}", hint=_FORMS) from None
    if name == "sqlite":
        raise BadStoreUrl("SQLite needs a file: several connections work on it", hint=_FORMS)
    if name != "postgresql":
        raise BadStoreUrl(f"a store can't be {name!r}", hint=_FORMS)
    if "@" in (parsed.host or ""):
        # the end of a password would be looked up as a name, and stand in the log
        raise BadStoreUrl(
            "the database URL has more than one @ before its host",
            hint="write an @ of the user's name or the password as %40",
        )
    try:
        from rtdash.store.postgres_engines import postgres_engines  # noqa: PLC0415

        return postgres_engines(parsed)
    except ModuleNotFoundError:
        raise BadStoreUrl(
            "PostgreSQL needs its driver", hint="pip install 'rtdash[postgres]'"
        ) from None
