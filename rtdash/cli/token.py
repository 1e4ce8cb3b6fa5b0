"""`rtdash token`: mint tokens from the secret of this machine, and revoke them."""

import re
from datetime import timedelta
from typing import Annotated

import typer

from rtdash.cli.credentials import (
    DataOption,
    TokenOption,
    UrlOption,
    find_token,
    find_url,
    local_token,
)
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.quantities import parse_seconds
from rtdash.cli.suggestions import refuse_unknown

app = typer.Typer(
    help="Print a token signed with this machine's secret; revoke one.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

SCOPES = ("hotel:read", "hotel:write", "restaurant:read", "restaurant:write", "admin")

_LONGEST_S = 10 * 366 * 86_400


@app.callback()
def mint(
    context: typer.Context,
    user: Annotated[
        str, typer.Option(help="User that it names (`sub`); the limits of a user count by it.")
    ] = "local",
    name: Annotated[str | None, typer.Option(help="A name to show.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help=(
                "Again for each: hotel:read, hotel:write, restaurant:read, restaurant:write, admin."
                " [default: all but admin]"
            ),
            show_default=False,
        ),
    ] = None,
    venue: Annotated[
        list[str] | None,
        typer.Option(help="Again for each venue's id. [default: every venue]", show_default=False),
    ] = None,
    ttl: Annotated[str, typer.Option(help="How long it is valid: 30m, 12h, 7d.")] = "12h",
    data: DataOption = None,
) -> None:
    """Print just the token on stdout."""
    if context.invoked_subcommand is None:
        scopes = tuple(part for given in scope or () for part in re.split(r"[\s,]+", given) if part)
        _check_scopes(scopes)
        typer.echo(
            local_token(
                data,
                user=user,
                name=name,
                scopes=scopes,
                venues=tuple(venue or ()),
                ttl=parse_lifetime(ttl),
            )
        )


@app.command()
def revoke(
    token_id: Annotated[
        str | None, typer.Option("--id", help="The token's id (its `jti`).")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Every token of this user that has been issued until now.")
    ] = None,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """End a token, or all of a user's, before its time.

    Open sockets with it are closed.
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
    seconds = parse_seconds(ttl)
    if not 0 < seconds <= _LONGEST_S:
        raise CommandFailed(
            f"a token can't be valid for {ttl}",
            hint="choose more than nothing, and ten years at most",
            code=Exit.USAGE,
        )
    return timedelta(seconds=seconds)


def _check_scopes(scopes: tuple[str, ...]) -> None:
    for scope in scopes:
        refuse_unknown(scope, SCOPES, what="scope")
