"""The fallback: the same channels over REST, from the same positions, when no socket can be had
(requirements, "Fallback Strategy").
"""

import asyncio
from collections.abc import Callable
from typing import Any

from rtdash.client.api import Api
from rtdash.client.failures import NotAllowed, Problem, Unreachable
from rtdash.client.receive_queue import ReceiveQueue
from rtdash.client.timing import Timing
from rtdash.client.tokens import TokenSource
from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.received import Message

_PAGE = 500
_Json = dict[str, Any]


class Poller:
    """Polls until it is cancelled; `report(None)` after a round that went well, `report(why)` after
    one that failed.

    Events and state messages come as on the socket. Where notifications are followed, the
    reservations that come up are read too, as
    messages of type `upcoming_reservations` (`reservations`, soonest first), which exist only here.
    What hasn't changed isn't repeated.
    """

    def __init__(
        self,
        url: str,
        token: TokenSource,
        session: ClientSession,
        inbox: ReceiveQueue[Any],
        timing: Timing,
        report: Callable[[str | None], None],
    ) -> None:
        self._api = Api(url, token)
        self._session = session
        self._inbox = inbox
        self._timing = timing
        self._report = report
        self._latest: dict[tuple[str, str], Any] = {}

    async def run(self) -> None:
        """Raises NotAllowed when the token isn't let in."""
        stats_due = asyncio.get_running_loop().time()
        async with self._api:
            while True:
                now = asyncio.get_running_loop().time()
                pause_s = self._timing.upcoming_every_s
                try:
                    await self._round(with_stats=now >= stats_due)
                    stats_due += self._timing.stats_every_s if now >= stats_due else 0
                    self._report(None)
                except NotAllowed:
                    raise
                except (Unreachable, Problem) as failure:
                    self._report(str(failure))
                    pause_s = max(
                        pause_s, failure.retry_after_s if isinstance(failure, Problem) else 0
                    )
                await asyncio.sleep(min(pause_s, self._timing.longest_wait_s))

    async def _round(self, *, with_stats: bool) -> None:
        await self._name_venues()
        for venue, channel in self._session.wanted:
            assert venue is not None, "_name_venues has named it"
            stream = Stream(venue, channel)
            if not channel.is_state:
                await self._read_events(stream)
            elif with_stats:
                await self._read_state(stream)
            if channel.endswith("_notifications"):
                await self._read_upcoming(stream)
            await self._inbox.room()

    async def _name_venues(self) -> None:
        """A channel without a venue means the first venue of its kind, here as on the socket."""
        unnamed = [channel for venue, channel in self._session.wanted if venue is None]
        if not unnamed:
            return
        venues = (await self._api.profile())["venues"]
        for channel in unnamed:
            first = next((venue["id"] for venue in venues if venue["kind"] == channel.kind), None)
            if first is None:
                raise NotAllowed(
                    403, title=f"the token is for no {channel.kind}, so there is no {channel}"
                )
            self._session.place(Stream(first, channel), None, recovered=False)

    async def _read_events(self, stream: Stream) -> None:
        """Everything after our position, page by page."""
        while True:
            position = self._session.position(*stream)
            after, epoch = (position.seq, position.epoch) if position else (None, None)
            page = await self._api.events(
                stream.channel, venue=stream.venue, after=after, epoch=epoch, limit=_PAGE
            )
            events = page["events"]
            if reset := page.get("reset"):
                self._put(
                    {"type": "reset", "channel": stream.channel, "venue": stream.venue, **reset}
                )
            elif stream not in self._session.positions:
                self._session.place(
                    stream, position or _before(page), recovered=position is not None
                )
            for event in events:
                self._put(event)
            await self._inbox.room()
            if len(events) < _PAGE:
                return

    async def _read_state(self, stream: Stream) -> None:
        answer = await self._api.get_json("/api/dashboard/stats", venue=stream.venue)
        stats = {"type": "stats_update", "timestamp": answer["timestamp"], "stats": answer["stats"]}
        self._put_if_new(stream, stats | {"channel": stream.channel, "venue": stream.venue})
        if stream.channel is Channel.HOTEL_STATS:
            for message in (await self._api.events(stream.channel, venue=stream.venue))["events"]:
                if message["type"] != "stats_update":
                    self._put_if_new(stream, message)

    async def _read_upcoming(self, stream: Stream) -> None:
        answer = await self._api.get_json("/api/reservations/upcoming", venue=stream.venue)
        content = {
            "reservations": answer["reservations"],
            "channel": stream.channel,
            "venue": stream.venue,
        }
        self._put_if_new(stream, {"type": "upcoming_reservations"} | content)

    def _put_if_new(self, stream: Stream, message: _Json) -> None:
        key = (stream.venue, message["type"])
        if self._latest.get(key) != message:
            self._latest[key] = message
            self._put(message)

    def _put(self, message: _Json) -> None:
        for received in self._session.accept(message):
            if isinstance(received, Message):
                self._inbox.put(received)


def _before(page: _Json) -> Position:
    """The position just before a page that was asked for without one."""
    position, events = page["position"], page["events"]
    return Position(position["epoch"], events[0]["seq"] - 1 if events else position["seq"])
