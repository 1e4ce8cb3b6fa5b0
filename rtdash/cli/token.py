"""`rtdash token`: mint tokens from the secret of this machine, and revoke them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from rtdash.cli.completion import complete_scope, complete_venue
from rtdash.cli.configuration import read_settings
from rtdash.cli.credentials import (
    SCOPES,
    DataOption,
    JsonOption,
    TokenOption,
    UrlOption,
    data_directory,
    find_token,
    find_url,
    local_token,
)
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.options import option
from rtdash.cli.quantities import parse_seconds
from rtdash.cli.suggestions import refuse_unknown
from rtdash.domain.instants import format_instant
from rtdash.domain.printable import json_line

app = typer.Typer(
    help=(
        "Print a token signed with this machine's secret; revoke one."
        "\n\nExamples: rtdash token > token.txt · rtdash token --user anna --scope hotel:read"
        " --ttl 8h · rtdash token revoke --user anna"
    ),
    invoke_without_command=True,
    rich_markup_mode=None,
)

ALL_VENUES = "*"
_LONGEST_S = 10 * 366 * 86_400


@app.callback()
def mint(
    context: typer.Context,
    user: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="User that it names (`sub`); the limits of a user count by it."
        ),
    ] = "local",
    name: Annotated[str | None, typer.Option(metavar="NAME", help="A name to show.")] = None,
    scope: Annotated[
        list[str] | None,
        option(
            metavar="SCOPE",
            autocompletion=complete_scope,
            help=(
                "Again for each: hotel:read, hotel:write, restaurant:read, restaurant:write, admin."
                " [default: all but admin]"
            ),
        ),
    ] = None,
    venue: Annotated[
        list[str] | None,
        option(
            metavar="ID",
            autocompletion=complete_venue,
            help="A venue's id; may be repeated. [default: every venue]",
        ),
    ] = None,
    ttl: Annotated[
        str, typer.Option(metavar="TIME", help="How long it is valid: 30m, 12h, 7d.")
    ] = "12h",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print just the token on stdout."""
    if context.invoked_subcommand is not None:
        return
    scopes = tuple(part for given in scope or () for part in re.split(r"[\s,]+", given) if part)
    for one in scopes:
        refuse_unknown(one, SCOPES, what="scope")
    lifetime = parse_lifetime(ttl)
    _refuse_unknown_venues(venue or [], data)
    token = local_token(
        data, user=user, name=name, scopes=scopes, venues=tuple(venue or ()), ttl=lifetime
    )
    typer.echo(json_line(_described(token)) if as_json else token)


@app.command()
def revoke(
    token_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The token's id (its `jti`).")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Every token of this user that has been issued until now."
        ),
    ] = None,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """End a token, or all of a user's, before its time.

    Open sockets with it are closed.

    Examples: rtdash token revoke --user anna · rtdash token revoke --id 6f1c…
    """
    if (token_id is None) == (user is None):
        raise CommandFailed(
            "name what to revoke: either --id or --user",
            hint="rtdash token revoke --user anna",
            code=Exit.USAGE,
        )
    from rtdash.cli.http_client import request_json

    request_json(
        "POST",
        find_url(data, url),
        "/api/admin/revocations",
        find_token(data, token, admin=True),
        json={"jti": token_id} if token_id else {"sub": user},
    )
    typer.echo(
        "revoked:"
        f" {f'token {token_id}' if token_id else f'every token of {user} issued until now'}",
        err=True,
    )


def parse_lifetime(ttl: str) -> timedelta:
    """Read how long a token shall be valid: `30m`, `12h`. Raises CommandFailed."""
    seconds = parse_seconds(ttl, needs_unit=True)
    if not 0 < seconds <= _LONGEST_S:
        raise CommandFailed(
            f"a token can't be valid for {ttl}",
            hint="choose more than nothing, and ten years at most",
            code=Exit.USAGE,
        )
    return timedelta(seconds=seconds)


def _refuse_unknown_venues(venues: list[str], data: Path | None) -> None:
    """Raise CommandFailed for a venue that the store doesn't have; without a store all are taken."""
    if not venues:
        return
    from rtdash.store.inspection import read_venue_ids

    settings = read_settings({"data": data_directory(data)})
    if known := read_venue_ids(settings.database_url):
        for venue in venues:
            if venue != ALL_VENUES:
                refuse_unknown(venue, known, what="venue")
        for venue in set(venues) & set(read_venue_ids(settings.database_url, only_archived=True)):
            typer.echo(
                f"{venue} is out of service: the token reads its history, and nothing is booked"
                " there (rtdash venues import of its file takes it back into service)",
                err=True,
            )


def _described(token: str) -> dict[str, Any]:
    """Return the token with what is needed to revoke or replace it."""
    import jwt

    claims = jwt.decode(token, options={"verify_signature": False})
    return {
        "token": token,
        "id": claims["jti"],
        "user": claims["sub"],
        "scopes": claims["scope"].split(),
        "venues": claims["venues"],
        "expiresAt": format_instant(datetime.fromtimestamp(claims["exp"], UTC)),
    }
