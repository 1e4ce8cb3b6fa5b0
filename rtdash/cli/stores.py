"""The store as the commands of this machine open it: for one act, and closed again."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rtdash.cli.configuration import read_settings
from rtdash.cli.credentials import data_directory
from rtdash.cli.failures import CommandFailed, Exit

if TYPE_CHECKING:
    from rtdash.settings import Settings

Result = TypeVar("Result")


def read_store_settings(data: Path | None, database: str | None) -> "Settings":
    """Return the settings of the store that the options name. Raises CommandFailed."""
    given: dict[str, Any] = {"data": data_directory(data)}
    return read_settings(given | ({"database": database} if database else {}))


def require_store(settings: "Settings") -> None:
    """Raises CommandFailed where there is no store yet, so that none is made by the way."""
    if settings.database is None and not (settings.data / "rtdash.db").exists():
        raise CommandFailed(
            f"there is no store in {settings.data}",
            hint="name its directory: --data DIR, or its URL: --database URL",
            code=Exit.USAGE,
        )


def write_store(settings: "Settings", work: Callable[[Any], Result]) -> Result:
    """Run `work` in one transaction of the store. Raises CommandFailed; code 2 for what the store
    refuses as wrong.
    """
    from rtdash.store.database import StoreError
    from rtdash.store.venues import VenuesRedefined

    try:
        return asyncio.run(_write(settings, work))
    except OSError as error:
        raise CommandFailed(
            f"{settings.data}: {error.strerror or error}",
            hint="choose a data directory that you may write: --data DIR",
        ) from None
    except VenuesRedefined as refused:
        raise CommandFailed(str(refused), hint=refused.hint, code=Exit.USAGE) from None
    except StoreError as error:
        raise CommandFailed(str(error), hint=getattr(error, "hint", None)) from None


def try_write_store(settings: "Settings", work: Callable[[Any], Result]) -> Result | None:
    """Run `work` as `write_store`; None where a server has the SQLite file."""
    from rtdash.store.database import StoreLocked

    try:
        return asyncio.run(_write(settings, work))
    except StoreLocked:
        return None
    except OSError:
        return write_store(settings, work)


async def _write(settings: "Settings", work: Callable[[Any], Result]) -> Result:
    from rtdash.domain.instants import utc_now
    from rtdash.store.database import Database

    database = await Database.open(settings.database_url, data_dir=settings.data, clock=utc_now)
    try:
        return await database.write(work)
    finally:
        await database.close()
