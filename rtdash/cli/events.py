"""`rtdash events`: reads a stream's log, page by page."""

import json
from collections.abc import Callable
from typing import Annotated, Any

import typer

from rtdash.cli.access import DataOption, TokenOption, UrlOption, find_token, find_url
from rtdash.cli.watch import known_channels

PAGE = 500

Read = Callable[[int, int], Any]
"""A page of at most so many events behind a seq."""


def events(
    channel: Annotated[str, typer.Argument(help="E.g. hotel_reservations.")],
    venue: Annotated[
        str | None,
        typer.Option(
            help="The venue's id. [default: the token's first of that kind]", show_default=False
        ),
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="Begin behind this seq.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="At most so many events.")] = 100,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Print a stream's events as NDJSON, oldest first.

    Where the log begins later than asked, it says so, and begins there.
    """
    from rtdash.cli.requests import call

    (known,) = known_channels([channel])
    base, bearer = find_url(data, url), find_token(data, token)
    of_venue = {"venue": venue} if venue else {}

    def read(after: int, limit: int) -> Any:
        return call(
            "GET",
            base,
            f"/api/channels/{known}/events",
            bearer,
            params={"after": after, "limit": limit} | of_venue,
        )

    printed = 0
    while printed < limit:
        page = _page(read, after, min(PAGE, limit - printed))
        for event in page["events"]:
            typer.echo(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
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
        f"{printed} events; the next begin behind seq {after}: rtdash events {channel} --after"
        f" {after}",
        err=True,
    )


def _page(read: Read, after: int, limit: int) -> Any:
    """What lies behind `after`; where the log begins later, it says so, and it is what the log
    begins with.
    """
    while reset := (page := read(after, limit)).get("reset"):
        head = reset["position"]["seq"]
        begin = (
            _first_kept(after, head, lambda seq: not read(seq, 1).get("reset"))
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
    """The lowest seq that the log still follows: above `gone`, and the head at most. By halves, as
    no answer names it.
    """
    while head - gone > 1:
        middle = (gone + head) // 2
        if is_kept(middle):
            head = middle
        else:
            gone = middle
    return head
