"""`rtdash events`: the log of a stream, page by page."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from rtdash.cli.completion import complete_channel, complete_venue
from rtdash.cli.credentials import DataOption, TokenOption, UrlOption, find_token, find_url
from rtdash.cli.options import option
from rtdash.cli.watch import known_channels
from rtdash.domain.printable import json_line

PAGE = 500

FetchPage = Callable[[int, int], Any]
"""Fetches at most `limit` events behind a seq."""


def events(
    channel: Annotated[
        str,
        typer.Argument(
            metavar="CHANNEL", autocompletion=complete_channel, help="E.g. hotel_reservations."
        ),
    ],
    venue: Annotated[
        str | None,
        option(
            metavar="ID",
            autocompletion=complete_venue,
            help="The venue's id. [default: the token's first of that kind]",
        ),
    ] = None,
    after: Annotated[int, typer.Option(min=0, metavar="SEQ", help="Begin behind this seq.")] = 0,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="At most N events.")] = 100,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Print a stream's events as NDJSON, oldest first.

    Where the log begins later than asked, it says so, and begins there.

    Examples: rtdash events hotel_reservations · rtdash events restaurant_reservations --after 100
    --limit 10
    """
    from rtdash.cli.http_client import request_json
    from rtdash.client.shapes import POSITION

    (known,) = known_channels([channel])
    base, bearer = find_url(data, url), find_token(data, token)
    of_venue = {"venue": venue} if venue else {}

    def fetch(after: int, limit: int) -> Any:
        return request_json(
            "GET",
            base,
            f"/api/channels/{known}/events",
            bearer,
            # states are in no log
            shape={"events": [dict], "position": (POSITION, None)},
            params={"after": after, "limit": limit} | of_venue,
        )

    printed = 0
    while printed < limit:
        page = _page(fetch, after, min(PAGE, limit - printed))
        for event in page["events"]:
            typer.echo(json_line(event))
        if page["position"] is None:
            typer.echo(
                f"{channel} carries states, which are in no log: this is the current one", err=True
            )
            return
        after = page["position"]["seq"]
        printed += len(page["events"])
        if not page["events"]:
            break
    typer.echo(
        f"events printed: {printed}; the next begin behind seq {after}:"
        f" rtdash events {channel} --after {after}",
        err=True,
    )


def _page(fetch: FetchPage, after: int, limit: int) -> Any:
    """Return the events behind `after`. Where the log begins later, say so on stderr and return its
    first events.
    """
    while reset := (page := fetch(after, limit)).get("reset"):
        head = reset["position"]["seq"]
        begin = (
            _first_kept(after, head, lambda seq: not fetch(seq, 1).get("reset"))
            if after < head
            else head
        )
        typer.echo(
            f"the log no longer follows seq {after} ({reset.get('reason')}): it begins behind"
            f" {begin}",
            err=True,
        )
        after = begin
    return page


def _first_kept(gone: int, head: int, is_kept: Callable[[int], bool]) -> int:
    """Return the lowest seq that the log still follows: above `gone`, at most `head`. Binary
    search, since no answer of the server names it.
    """
    while head - gone > 1:
        middle = (gone + head) // 2
        if is_kept(middle):
            head = middle
        else:
            gone = middle
    return head
