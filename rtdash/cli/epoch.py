"""A new epoch for a store, after a backup has been restored: `rtdash doctor --new-epoch`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from rtdash.cli.configuration import read_settings
from rtdash.cli.failures import CommandFailed, Exit


def draw_new_epoch(directory: Path) -> None:
    """Draw a new epoch, so that every client reloads. Raises CommandFailed."""
    import asyncio

    from rtdash.store.database import StoreError
    from rtdash.store.event_log import draw_epoch

    settings = read_settings({"data": directory})
    if not (directory / "rtdash.db").exists() and settings.database is None:
        raise CommandFailed(
            f"there is no store in {directory}",
            hint="name the data directory: rtdash doctor --new-epoch --data DIR",
            code=Exit.USAGE,
        )
    try:
        epoch = asyncio.run(_write(settings, draw_epoch))
    except StoreError as error:
        raise CommandFailed(str(error), hint=getattr(error, "hint", None)) from None
    typer.echo(
        f"the epoch is now {epoch}: every client will reload\n  next: rtdash serve", err=True
    )


async def _write(settings: Any, function: Callable[[Any], Any]) -> Any:
    from datetime import UTC, datetime

    from rtdash.store.database import Database

    database = await Database.open(
        settings.database_url, data_dir=settings.data, clock=lambda: datetime.now(UTC)
    )
    try:
        return await database.write(function)
    finally:
        await database.close()
