"""`rtdash events`: reads a stream's log, page by page."""

import json
from typing import Annotated, Any

import typer

from rtdash.cli.access import DataOption, TokenOption, UrlOption, find_token, find_url
from rtdash.cli.watch import known_channels

PAGE = 500


def events(
    channel: Annotated[str, typer.Argument(help="E.g. hotel_reservations.")],
    venue: Annotated[str | None, typer.Option(help="The venue's id. [default: the token's first of that kind]", show_default=False)] = None,
    after: Annotated[int, typer.Option(min=0, help="Begin behind this seq.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="At most so many events.")] = 100,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Print a stream's events as NDJSON, oldest first.

    Where the log begins later than asked, it says so.
    """
    from rtdash.cli.requests import call

    (known,) = known_channels([channel])
    base, bearer = find_url(data, url), find_token(data, token)
    printed = 0
    while printed < limit:
        params = {"after": after, "limit": min(PAGE, limit - printed)} | ({"venue": venue} if venue else {})
        page = call("GET", base, f"/api/channels/{known}/events", bearer, params=params)
        _tell_reset(page)
        for event in page["events"]:
            typer.echo(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
        if page["position"] is None:
            typer.echo(f"{channel} carries states, which are in no log: this is the current one", err=True)
            return
        printed += len(page["events"])
        is_end = not page["events"] or page["position"]["seq"] == after
        after = page["position"]["seq"]
        if is_end:
            break
    typer.echo(f"{printed} events; the next begin behind seq {after}: rtdash events {channel} --after {after}", err=True)


def _tell_reset(page: dict[str, Any]) -> None:
    if reset := page.get("reset"):
        typer.echo(
            f"the log no longer follows the position asked for ({reset.get('reason')}); reload by REST and go on from seq {reset['position']['seq']}",
            err=True,
        )
