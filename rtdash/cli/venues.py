"""`rtdash venues`: list the venues, import a venue file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtdash.cli.credentials import (
    DataOption,
    JsonOption,
    TokenOption,
    UrlOption,
    find_token,
    find_url,
)
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.options import DatabaseOption
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
    from rtdash.client.shapes import VENUES

    profile = request_json(
        "GET",
        find_url(data, url),
        "/api/user/profile",
        find_token(data, token),
        shape=VENUES,
    )
    if as_json:
        typer.echo(json_line(profile["venues"]))
        return
    for venue in profile["venues"]:
        typer.echo("\t".join(printable(venue[field]) for field in _FIELDS))


@app.command("archive")
def archive(
    venue: Annotated[str, typer.Argument(metavar="ID", help="The venue's id.")],
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Take a venue out of service.

    Its history stays readable, nothing is booked there any more. Importing its file again takes
    it back. Not while a server runs on the store, if it is SQLite.

    Example: rtdash venues archive old-inn
    """
    from functools import partial

    from rtdash.cli.stores import read_store_settings, write_store
    from rtdash.domain.instants import utc_now
    from rtdash.store.venues import archive_venue

    settings = read_store_settings(data, database)
    if not write_store(settings, partial(archive_venue, venue_id=venue, now=utc_now())):
        raise CommandFailed(
            f"the store has no venue {venue!r}", hint="rtdash venues list", code=Exit.USAGE
        )
    typer.echo(f"archived: {venue}", err=True)


@app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Venue file (TOML); a wrong one is refused whole, with the line."
        ),
    ],
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Add the venues of a file, or change those that are there.

    Not while a server runs on the store, if it is SQLite.

    Example: rtdash venues import hotels.toml
    """
    from rtdash.cli.stores import read_store_settings, write_store
    from rtdash.store.venues import save_venues

    venues = read_venue_file(file)
    write_store(
        read_store_settings(data, database), lambda connection: save_venues(connection, venues)
    )
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
            f"{file} can't be read: {error.strerror if isinstance(error, OSError) else error}",
            hint="nothing was imported: name a TOML file in UTF-8",
            code=Exit.USAGE,
        ) from None
    except VenueFileError as error:
        raise CommandFailed(
            str(error), hint="nothing was imported: mend that line", code=Exit.USAGE
        ) from None
