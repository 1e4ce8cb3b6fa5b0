"""Queue of what goes out to one client, in order and bounded (guide: architecture, "Drop the
connection, never an event"). The subscriber of the hub.
"""

import asyncio
from collections.abc import Callable, Sequence

from rtdash.domain.instants import Clock
from rtdash.hub import EncodedBatch, Hub
from rtdash.protocol.channels import Stream
from rtdash.server.ws.batches import BatchWindow
from rtdash.server.ws.transport import Transport


class SendQueue:
    """Everything of a connection takes this way, so that nothing overtakes. `on_overflow` is
    called, at most once a write, when the
    client has left more than `limit_bytes` unread (0: no limit); it says whether to write all the
    same.
    """

    __slots__ = (
        "_allowance_bytes",
        "_batch",
        "_clock",
        "_drained",
        "_hub",
        "_is_paused",
        "_limit_bytes",
        "_on_overflow",
        "_stale",
        "_transport",
        "is_open",
        "write",
    )

    def __init__(
        self,
        transport: Transport,
        hub: Hub,
        clock: Clock,
        limit_bytes: int,
        on_overflow: Callable[[], bool],
    ) -> None:
        self.is_open = True
        self._transport = transport
        self._hub = hub
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._on_overflow = on_overflow
        self._allowance_bytes = 0
        self._is_paused = False
        self.write: Callable[[bytes], object] | None = transport.write
        self._batch: BatchWindow | None = None
        self._stale: set[Stream] | None = None
        self._drained: asyncio.Event | None = None

    def deliver(self, batch: EncodedBatch) -> None:
        """From a replay, or from the hub while it may not write by itself."""
        if self.is_open:
            self._deliver_with_care(batch)

    def failed(self) -> None:
        """Close the connection that the hub has dropped for a fault: the client comes back and gets
        what it missed, instead of waiting for nothing.
        """
        self._transport.abort()

    def replay(self, batch: EncodedBatch) -> None:
        """From a replay, which waits for `drained` between its pages: a page may be larger than the
        limit, and is no slow reader's fault.
        """
        self._allowance_bytes += sum(map(len, batch.bodies))
        self.deliver(batch)
        # a page is a batch by itself: what waited for a window would never pause, and so never slow
        # the replay down
        self.flush()
        if not self._is_paused:
            self._allowance_bytes = 0

    def send(self, bodies: Sequence[bytes]) -> None:
        """Answers and what belongs to them: behind everything handed over before, never batched."""
        if self.is_open and bodies and self.has_room():
            self.flush()
            self._transport.send(bodies)

    def has_room(self) -> bool:
        """Judged before more is written, never on what is being written: one flush may be larger
        than the limit.
        """
        if not self._is_paused or not self._limit_bytes:
            return True
        # Beyond the limit the connection goes, never an event: a client can't see a hole in its
        # stream, but it comes back and reads from the log what it missed. Pages of a replay are
        # allowed for, since the replay itself waits for the peer between them.
        waiting = self._batch.size_bytes if self._batch is not None else 0
        if self._transport.buffered_bytes() + waiting <= self._limit_bytes + self._allowance_bytes:
            return True
        return self._on_overflow()

    def ask_for_batches(self, window_ms: int) -> None:
        """From now on what comes within the window goes out together."""
        self._batch = self._batch or BatchWindow()
        self._batch.window_s = window_ms / 1000
        self.write = None

    def flush(self) -> None:
        """Write what waits for its window to end."""
        if self._batch is not None and self.is_open:
            bodies = self._batch.flush(self._clock())
            if bodies:
                self._transport.send(bodies)

    def shutdown(self) -> None:
        """Nothing more goes out; what waits for a window is dropped."""
        self.is_open = False
        self.write = None
        self._on_overflow = _refuse  # the listener knows this object, and has ended
        self._batch = self._stale = None
        if self._drained is not None:
            self._drained.set()

    def pause(self) -> None:
        """The peer reads more slowly than is written: from here on states conflate."""
        self._is_paused = True
        self.write = None

    def resume(self) -> None:
        """Send the latest of each state that was held back: the peer has caught up."""
        self._is_paused = False
        self._allowance_bytes = 0
        self.write = self._transport.write if self._batch is None and self.is_open else None
        if self._drained is not None:
            self._drained.set()
        stale, self._stale = self._stale, None
        for stream in stale or ():
            self.send(self._hub.states(stream))

    def forget(self, stream: Stream) -> None:
        """The stream is followed no longer: a state of it that was held back is not sent any
        more.
        """
        if self._stale is not None:
            self._stale.discard(stream)

    async def drained(self) -> None:
        """Wait while the peer is behind: the backpressure of replays."""
        while self._is_paused and self.is_open:
            self._drained = self._drained or asyncio.Event()
            self._drained.clear()
            await self._drained.wait()

    def _deliver_with_care(self, batch: EncodedBatch) -> None:
        if self._is_paused and not batch.first_seq:
            self._stale = self._stale or set()
            self._stale.add(batch.stream)
        elif not self.has_room():
            return
        elif self._batch is None:
            self._transport.send_batch(batch)
        elif self._batch.add(batch.bodies):
            asyncio.get_running_loop().call_later(self._batch.window_s, self.flush)


def _refuse() -> bool:
    """Return False: what has ended has no room."""
    return False
