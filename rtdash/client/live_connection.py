"""`connect`: the messages of some channels as an asynchronous iterator that outlives its
connections.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

from rtdash.client.addresses import rest_url
from rtdash.client.connection_loop import ConnectionLoop, Delivery
from rtdash.client.connection_states import ConnectionChange
from rtdash.client.receive_queue import ReceiveQueue
from rtdash.client.reconnector import Reconnector
from rtdash.client.timing import Timing
from rtdash.client.token_source import TokenSource
from rtdash.protocol.channels import Position, Stream
from rtdash.protocol.client_requests import Wanted
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.received import Message, Subscribed

Item = dict[str, Any] | ConnectionChange
"""A message as it came from the server, or a change of the connection."""

_QUEUE_LIMIT = 1000


class Connection:
    """Iterate over it: every event once and in order, the latest state messages, and what happens
    to the connection.

    A `reset` message among them says that history is gone: reload by REST and go on. Raises
    Unreachable, ConnectionRejected or NotAllowed, after a last ConnectionChange, when there will be
    nothing more.
    """

    def __init__(
        self,
        session: ClientSession,
        queue: ReceiveQueue[Delivery | None],
        loop: "asyncio.Task[None]",
    ) -> None:
        self._session = session
        self._queue = queue
        self._loop = loop
        self._positions: dict[Stream, Position] = {}
        loop.add_done_callback(lambda _: queue.put(None))

    @property
    def positions(self) -> dict[Stream, Position]:
        """Positions behind the last event that the iterator gave out.

        Store them in one step with the effect of that event, and give them to the next `connect`:
        then each event takes effect exactly once, also over restarts of the application.
        """
        return dict(self._positions)

    @property
    def duplicates(self) -> int:
        """Number of events that came again and were dropped."""
        return self._session.duplicates

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while True:
            delivery = await self._queue.get()
            match delivery:
                case Message(body, stream, position):
                    if position is not None:
                        self._positions[stream] = position
                    return body
                case ConnectionChange():
                    return delivery
                case Subscribed(starts=starts):
                    self._positions = dict(starts) | self._positions
                case None:
                    self._queue.put(None)  # asking again gives the same
                    self._loop.result()
                    raise StopAsyncIteration


@asynccontextmanager
async def connect(
    url: str,
    channels: Iterable[Wanted],
    *,
    token: TokenSource,
    venue: str | None = None,
    positions: Mapping[Wanted, Position] | None = None,
    batch_ms: int | None = None,
    first_timeout_s: float | None = None,
    timing: Timing | None = None,
    clock: Callable[[], float] = time.monotonic,
    rng: random.Random | None = None,
) -> AsyncIterator[Connection]:
    """Follow `channels` (names, or (venue, channel) pairs) of the server at `url` (http, https, ws
    or wss) until the block is left.

    `venue` is for the plain names of its kind. `positions`: where to go on from, else from now.
    `batch_ms`: the server may collect for so
    long. `first_timeout_s`: give up when the server can't be reached at all in that time; a
    connection that stood once is sought for ever.
    Raises ValueError on a URL or channel that can't be.
    """
    rest_url(url)  # a wrong address is the caller's mistake: raised at once, not tried again
    session = ClientSession(channels, venue=venue, positions=positions, batch_ms=batch_ms)
    queue: ReceiveQueue[Any] = ReceiveQueue(_QUEUE_LIMIT)
    times = timing or Timing()
    reconnector = Reconnector(
        session,
        timing=times,
        rng=rng or random.Random(),  # noqa: S311  # it spreads attempts, and guards nothing
        is_renewable=not isinstance(token, str),
    )
    loop = ConnectionLoop(url, session, token, queue, reconnector, timing=times, clock=clock)
    task = asyncio.create_task(loop.run(first_timeout_s))
    try:
        yield Connection(session, queue, task)
    finally:
        task.cancel()
        # The iterator has raised the cause, if there was still a reader.
        await asyncio.gather(task, return_exceptions=True)
