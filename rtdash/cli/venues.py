"""`rtdash venues`: list the venues, import a venue file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtdash.cli.configuration import read_settings
from rtdash.cli.credentials import (
    DataOption,
    JsonOption,
    TokenOption,
    UrlOption,
    data_directory,
    find_token,
    find_url,
)
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.domain.printable import json_line, printable

if TYPE_CHECKING:
    from rtdash.domain.venues import Venue

app = typer.Typer(
    help=(
        "List the venues; import a venue file."
        "\n\nExamples: rtdash venues · rtdash venues list --json · rtdash venues import hotels.toml"
    ),
    invoke_without_command=True,
    rich_markup_mode=None,
)

_FIELDS = ("id", "kind", "timezone", "currency", "name")


@app.callback()
def venues(
    context: typer.Context,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the venues, unless there is a subcommand."""
    if context.invoked_subcommand is None:
        list_venues(url, token, data, as_json)


@app.command("list")
def list_venues(
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the venues that the token may see.

    A line each, between tabs: id, kind, time zone, currency, name.

    Examples: rtdash venues list · rtdash venues list --json
    """
    from rtdash.cli.http_client import request_json

    profile = request_json(
        "GET",
        find_url(data, url),
        "/api/user/profile",
        find_token(data, token),
        fields=["venues"],
    )
    if as_json:
        typer.echo(json_line(profile["venues"]))
        return
    for venue in profile["venues"]:
        typer.echo("\t".join(printable(venue[field]) for field in _FIELDS))


@app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Venue file (TOML); a wrong one is refused whole, with the line."
        ),
    ],
    data: DataOption = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Store URL. [default: SQLite in the data directory]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Add the venues of a file, or change those that are there.

    Not while a server runs on the store, if it is SQLite.

    Example: rtdash venues import hotels.toml
    """
    import asyncio

    from rtdash.store.database import StoreError

    given: dict[str, Any] = {"data": data_directory(data)} | (
        {"database": database} if database else {}
    )
    venues = read_venue_file(file)
    try:
        asyncio.run(_save(read_settings(given), venues))
    except OSError as error:
        raise CommandFailed(
            f"{given['data']}: {error.strerror}",
            hint="choose a data directory that you may write: --data DIR",
        ) from None
    except StoreError as error:
        raise CommandFailed(str(error), hint=getattr(error, "hint", None)) from None
    typer.echo(
        f"imported: {', '.join(venue.id for venue in venues)}\n  next: rtdash serve", err=True
    )


def read_venue_file(file: Path) -> "tuple[Venue, ...]":
    """Return the venues of a file. Raises CommandFailed, so that no store is made for a file that
    can't be imported.
    """
    from rtdash.domain.venue_file import VenueFileError, parse_venues

    try:
        return parse_venues(file.read_bytes(), source=str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(
            f"{file} can't be read: {error}",
            hint="nothing was imported: name a TOML file in UTF-8",
            code=Exit.USAGE,
        ) from None
    except VenueFileError as error:
        raise CommandFailed(
            str(error), hint="nothing was imported: mend that line", code=Exit.USAGE
        ) from None


async def _save(settings: Any, venues: Any) -> None:
    from datetime import UTC, datetime

    from rtdash.store.database import Database
    from rtdash.store.venues import save_venues

    database = await Database.open(
        settings.database_url, data_dir=settings.data, clock=lambda: datetime.now(UTC)
    )
    try:
        await database.write(lambda connection: save_venues(connection, venues))
    finally:
        await database.close()
