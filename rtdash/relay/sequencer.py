"""What comes next on each followed stream: order, loss and repeats are one comparison with the last
accepted seq (DESIGN rule 3).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rtdash.hub import Hub
from rtdash.protocol.channels import Stream
from rtdash.relay.log import Log
from rtdash.relay.single_flight import SingleFlight

PAGE = 500
"""Events read from the log at once."""

NEW_EPOCH = "epoch_changed"
"""Reason of a reset: the log has another name than the position, e.g. after a restored backup."""

HISTORY_GONE = "history_gone"
"""Reason of a reset: the log no longer keeps what follows the position."""

BEYOND_HEAD = "beyond_head"
"""Reason of a reset: the log has never been as far as the position."""


class Sequencer:
    """The followed streams, and for each the last seq that was accepted.

    `on_reset(stream, reason)` is called when what follows the last accepted event is gone, with the
    hub already at the new edge.
    """

    def __init__(
        self,
        log: Log,
        hub: Hub,
        epoch: str,
        counts: Counter[str],
        *,
        on_accepted: Callable[[Stream], None],
    ) -> None:
        self.epoch = epoch
        self.on_reset: Callable[[Stream, str], None] = _ignore
        self._log = log
        self._hub = hub
        self._counts = counts
        self._on_accepted = on_accepted
        self._tracks: dict[Stream, _Track] = {}
        self._flights = SingleFlight()

    def __contains__(self, stream: Stream) -> bool:
        track = self._tracks.get(stream)
        return track is not None and track.is_open

    def __len__(self) -> int:
        return len(self._tracks)

    @property
    def in_flight(self) -> int:
        """Reads of the log that are under way."""
        return len(self._flights)

    def accepted(self) -> dict[Stream, int]:
        """The last accepted seq of each stream that is open."""
        return {stream: track.accepted for stream, track in self._tracks.items() if track.is_open}

    async def follow(self, stream: Stream) -> None:
        """Count one more who follows; the first begins at the log's head. Raises StoreUnavailable,
        and then counts nothing.
        """
        track = self._tracks.get(stream)
        if track is None:
            track = self._tracks[stream] = _Track()
        track.followers += 1
        try:
            if not track.is_open:
                await self._flights.join(track, lambda: self._open(stream, track))
        except BaseException:
            self._forget(stream, track)
            raise

    def unfollow(self, stream: Stream) -> None:
        """Count one less; the last one ends the tracking."""
        self._forget(stream, self._tracks[stream])

    def accept(self, stream: Stream, first_seq: int, bodies: Sequence[bytes]) -> None:
        """Hand what comes next to the hub, drop what came before, and read from the log what is
        missing in between.
        """
        track = self._tracks.get(stream)
        if track is None:
            return
        last = first_seq + len(bodies) - 1
        if not track.is_open:
            track.want(last)
        elif last <= track.accepted:
            self._counts["repeated"] += len(bodies)
        elif first_seq > track.accepted + 1:
            self._counts["gaps"] += 1
            self.want(stream, last)
        else:
            self._take(stream, track, bodies[track.accepted + 1 - first_seq :])

    def want(self, stream: Stream, seq: int) -> None:
        """Somebody has seen event `seq`: read up to it unless it is here already."""
        track = self._tracks.get(stream)
        if track is not None:
            track.want(seq)
            self._heal_if_behind(stream, track)

    def heal(self) -> None:
        """Take up again what a fault of the store had ended."""
        for stream, track in self._tracks.items():
            self._heal_if_behind(stream, track)

    async def reach(self, stream: Stream, seq: int) -> bool:
        """Read the log up to `seq`. False when it doesn't go as far. Raises StoreUnavailable."""
        track = self._tracks[stream]
        track.want(seq)
        if track.accepted < seq:
            await self._flights.join((track, "gap"), lambda: self._read_gap(stream, track))
        return track.accepted >= seq

    def restart(self, epoch: str, heads: Mapping[Stream, int]) -> list[Stream]:
        """Go on at the heads of a log of another name. Returns the streams concerned."""
        self.epoch = epoch
        streams = list(self.accepted())
        for stream in streams:
            self._tracks[stream].go_to(heads.get(stream, 0))
            self._hub.track(stream, heads.get(stream, 0))
        return streams

    async def close(self) -> None:
        """End the reads that are under way."""
        await self._flights.close()

    async def _open(self, stream: Stream, track: "_Track") -> None:
        epoch = None
        while (
            epoch != self.epoch
        ):  # a head that was read before the log got another name is no head of this one
            epoch = self.epoch
            _, heads = await self._log.look((stream,))
        if self._tracks.get(stream) is not track:
            return
        seen = track.wanted
        track.go_to(heads.get(stream, 0))
        track.is_open = True
        self._hub.track(stream, track.accepted)
        self.want(stream, seen)

    def _take(self, stream: Stream, track: "_Track", bodies: Sequence[bytes]) -> None:
        self._hub.publish(stream, track.accepted + 1, bodies)
        track.accepted += len(bodies)
        self._counts["accepted"] += len(bodies)
        self._on_accepted(stream)

    def _heal_if_behind(self, stream: Stream, track: "_Track") -> None:
        if track.is_open and track.accepted < track.wanted:
            self._flights.start((track, "gap"), lambda: self._read_gap(stream, track))

    async def _read_gap(self, stream: Stream, track: "_Track") -> None:
        """Accept from the log until nothing that anybody has seen is missing, or the log has no
        more.
        """
        while track.accepted < track.wanted:
            asked, epoch = track.asked, self.epoch
            events = await self._log.events(stream, track.accepted, PAGE)
            floor = events[0].seq - 1 if events else await self._log.floor(stream)
            if self._tracks.get(stream) is not track or self.epoch != epoch:
                return
            if floor > track.accepted:
                self._skip(stream, track, floor)
            if events:
                self.accept(stream, events[0].seq, [event.body for event in events])
            elif track.asked == asked:
                track.wanted = (
                    track.accepted
                )  # a notice, or a client, told of what the log never had

    def _skip(self, stream: Stream, track: "_Track", floor: int) -> None:
        """Pruning has overtaken us: what was next is gone."""
        track.accepted = floor
        self._hub.track(stream, floor)
        self.on_reset(stream, HISTORY_GONE)

    def _forget(self, stream: Stream, track: "_Track") -> None:
        track.followers -= 1
        if track.followers == 0:
            del self._tracks[stream]
            self._hub.untrack(stream)


class _Track:
    """One stream. Its identity is its generation: what was read for an earlier one is void."""

    __slots__ = ("accepted", "asked", "followers", "is_open", "wanted")

    def __init__(self) -> None:
        self.followers = 0
        self.is_open = False
        self.asked = 0
        self.go_to(0)

    def go_to(self, seq: int) -> None:
        """`accepted` is the last seq given to the hub, `wanted` the last that anybody has seen."""
        self.accepted = self.wanted = seq

    def want(self, seq: int) -> None:
        """Note that somebody has seen `seq`; `asked` tells whether anybody did since a read
        began.
        """
        self.wanted = max(self.wanted, seq)
        self.asked += 1


def _ignore(_stream: Stream, _reason: str) -> None:
    """Nobody listens for resets yet."""
