"""The fallback: the same channels over REST, from the same positions, when no socket can be had
(requirements, "Fallback Strategy").
"""

from typing import Any

from rtdash.client.api import Api
from rtdash.client.api_errors import NotAllowed
from rtdash.client.receive_queue import DeliveryQueue
from rtdash.client.token_source import TokenSource
from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.received import Message

_PAGE = 500
_Json = dict[str, Any]


class Poller:
    """Rounds of reading the channels; `close` at the end.

    Events and state messages come as on the socket. Where notifications are followed, the
    reservations that come up are read too, as messages of type `upcoming_reservations`
    (`reservations`, soonest first), which exist only here. What hasn't changed isn't repeated.
    """

    def __init__(
        self, url: str, token: TokenSource, session: ClientSession, queue: DeliveryQueue[Any]
    ) -> None:
        self._api = Api(url, token)
        self._session = session
        self._queue = queue
        self._latest: dict[tuple[str, str], Any] = {}

    async def close(self) -> None:
        """Give the connections back."""
        await self._api.close()

    async def round(self, *, with_stats: bool) -> None:
        """Read everything once, the figures where they are asked for. Raises NotAllowed,
        Unreachable and Problem.
        """
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
            await self._queue.room()

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
            self._session.set_position(Stream(first, channel), None, recovered=False)

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
                self._session.set_position(
                    stream, position or _before(page), recovered=position is not None
                )
            for event in events:
                self._put(event)
            await self._queue.room()
            if len(events) < _PAGE:
                return

    async def _read_state(self, stream: Stream) -> None:
        answer = await self._api.stats(stream.venue)
        stats = {"type": "stats_update", "timestamp": answer["timestamp"], "stats": answer["stats"]}
        self._put_if_new(stream, stats | {"channel": stream.channel, "venue": stream.venue})
        if stream.channel is Channel.HOTEL_STATS:
            for message in (await self._api.events(stream.channel, venue=stream.venue))["events"]:
                if message["type"] != "stats_update":
                    self._put_if_new(stream, message)

    async def _read_upcoming(self, stream: Stream) -> None:
        answer = await self._api.upcoming(stream.venue)
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
                self._queue.put(received)


def _before(page: _Json) -> Position:
    """Return the position just before a page that was asked for without one."""
    position, events = page["position"], page["events"]
    return Position(position["epoch"], events[0]["seq"] - 1 if events else position["seq"])
