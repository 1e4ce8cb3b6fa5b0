"""`rtdash watch`: a live view on a terminal, lines or NDJSON elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from rtdash.cli.completion import complete_channel, complete_venue
from rtdash.cli.credentials import (
    DataOption,
    TokenOption,
    UrlOption,
    find_token,
    find_url,
    reach_hint,
)
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.options import option
from rtdash.cli.quantities import parse_seconds
from rtdash.cli.suggestions import choice_hint, refuse_unknown

if TYPE_CHECKING:
    from rtdash.protocol.channels import Channel
    from rtdash.watch.watcher import WatchOptions

_TOO_BIG = 1009
_HEALTH = "/healthz"


ChannelsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CHANNEL",
        autocompletion=complete_channel,
        help=(
            "hotel_stats, hotel_reservations, hotel_notifications, restaurant_stats,"
            " restaurant_reservations, restaurant_notifications. [default: all that the token may"
            " read]"
        ),
        show_default=False,
    ),
]
VenuesOption = Annotated[
    list[str] | None,
    option(
        metavar="ID",
        autocompletion=complete_venue,
        help="A venue's id; may be repeated. [default: the first hotel and the first restaurant]",
    ),
]
DurationOption = Annotated[
    float | None,
    option(
        parser=parse_seconds,
        metavar="TIME",
        help="End after that time, e.g. 30s or 5m.",
    ),
]


def watch(
    channels: ChannelsArgument = None,
    venue: VenuesOption = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="NDJSON: the messages as received, and changes of the connection."
        ),
    ] = False,
    count: Annotated[
        int | None,
        option(min=1, metavar="N", help="End after N messages."),
    ] = None,
    duration: DurationOption = None,
    since: Annotated[
        int | None,
        option(
            min=0,
            metavar="SEQ",
            help="Begin after the event of that number (seq), in each channel.",
        ),
    ] = None,
    once: Annotated[
        bool,
        typer.Option(
            "--once", help="Print the current state, or latest event, of each channel, and end."
        ),
    ] = False,
    url: UrlOption = None,
    token: TokenOption = None,
    data: DataOption = None,
) -> None:
    """Watch channels live. On a terminal: q quits, p pauses, ? helps.

    Examples: rtdash watch · rtdash watch hotel_stats --once · rtdash watch hotel_reservations
    --json --count 10
    """
    from rtdash.watch.watcher import WatchOptions

    known = known_channels(channels or [])
    address = find_url(data, url)
    given = find_token(data, token)
    # A token of this machine is minted anew for each connection, so that a watch outlives its
    # token.
    source = given if token else lambda: find_token(data, None)
    options = WatchOptions(
        url=address,
        token=source,
        channels=known,
        venues=tuple(venue or ()),
        as_json=as_json,
        count=count,
        duration_s=duration,
        since=since,
        once=once,
    )
    run_watch(options)


def run_watch(options: "WatchOptions") -> None:
    """Run the watch to its end; exits with its code. Raises CommandFailed."""
    from rtdash.watch.watcher import run

    with _in_words():
        code = run(options)
    if code:
        raise typer.Exit(code)


def known_channels(channels: list[str]) -> "tuple[Channel, ...]":
    """Return the channels of those names, each once. Raises CommandFailed."""
    from rtdash.protocol.channels import Channel

    for channel in channels:
        refuse_unknown(channel, [one.value for one in Channel], what="channel")
    return tuple(dict.fromkeys(Channel(channel) for channel in channels))


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn what ends a watch into a failure for the person at the terminal."""
    from rtdash.client import ConnectionRejected, NotAllowed, Problem, Unreachable
    from rtdash.watch.queries import NothingToWatch, UnknownVenue

    try:
        yield
    except Unreachable as error:
        raise CommandFailed(
            str(error), hint=reach_hint(str(error)), code=Exit.UNREACHABLE
        ) from None
    except NotAllowed as error:
        reason = ": ".join(part for part in (error.title, error.detail) if part)
        raise CommandFailed(
            f"the server refused: {reason}",
            hint="get a token that allows it: rtdash token --help",
            code=Exit.NOT_ALLOWED,
        ) from None
    except ConnectionRejected as error:
        code = Exit.FAULT if error.code == _TOO_BIG else Exit.NOT_ALLOWED
        raise CommandFailed(
            str(error), hint="get a token that is let in: rtdash token", code=code
        ) from None
    except Problem as error:
        raise CommandFailed(str(error), hint=f"is it an rtdash server? see its {_HEALTH}") from None
    except UnknownVenue as error:
        raise CommandFailed(
            str(error), hint=choice_hint(error.venue, error.known), code=Exit.NOT_ALLOWED
        ) from None
    except NothingToWatch as error:
        raise CommandFailed(
            str(error), hint="see the venues: rtdash venues", code=Exit.USAGE
        ) from None
