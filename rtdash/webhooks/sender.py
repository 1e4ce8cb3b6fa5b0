"""The sender of one webhook: reads what follows its position, delivers it in order, saves how far
it has come, waits and tries again.
"""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial

from rtdash.protocol.backoff import Backoff
from rtdash.protocol.channels import Position
from rtdash.store import webhooks as store
from rtdash.store.database import Connection, Database, StoreUnavailable
from rtdash.store.webhooks import EventPage, Webhook
from rtdash.webhooks.attempt_pacer import AttemptPacer
from rtdash.webhooks.attempts import Attempt, Result
from rtdash.webhooks.delivery import deliveries_of
from rtdash.webhooks.receiver import Receiver
from rtdash.webhooks.unsaved_failures import UnsavedFailures

PAGE = 50
"""Events that are read at once; one alone for a receiver that didn't take the last."""
STREAK_S = 1.0
"""How long is delivered from one read of the log: what is erased of a guest meanwhile isn't sent
after it. A killed process repeats at most what it delivered in that time."""
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 60.0
"""Bounds of the delays between attempts."""
STORE_DELAY_S = 1.0
WARN_S = 600.0
"""How often the log says that a receiver still refuses an event."""

_log = logging.getLogger(__name__)


class HoldLost(Exception):  # noqa: N818
    """Another process sends this webhook now, or none does any more."""


class Sender:
    """Delivers one webhook until cancelled. `is_held` says whether this process may; `reading`
    lets one sender at a time read the log, and `pacer` one receiver in trouble at a time be tried;
    `counts` counts attempts by their result. `position` is never behind what the store has of it.
    """

    def __init__(
        self,
        webhook: Webhook,
        receiver: Receiver,
        database: Database,
        *,
        process: str,
        clock: Callable[[], datetime],
        is_held: Callable[[], bool],
        reading: asyncio.Lock,
        pacer: AttemptPacer,
        unsaved: UnsavedFailures,
        counts: Counter[str],
    ) -> None:
        self.position = webhook.position
        self.webhook = webhook
        self._receiver = receiver
        self._database = database
        self._process = process
        self._clock = clock
        self._is_held = is_held
        self._reading = reading
        self._pacer = pacer
        self._unsaved = unsaved
        self._counts = counts
        self._woken = asyncio.Event()
        self._backoff = _new_backoff()
        self._is_well = False
        self._warn_at = float("-inf")

    def wake(self) -> None:
        """Read the stream soon: it may have grown."""
        self._woken.set()

    async def deliver_events(self) -> None:
        """Deliver, until cancelled. Raises HoldLost."""
        try:
            while True:
                self._woken.clear()
                if not self._is_well:
                    await self._pacer.turn()
                page = await self._read()
                if page.events or page.reset:
                    await self._deliver(page)
                else:
                    await self._woken.wait()
        finally:
            await self._receiver.close()

    async def _deliver(self, page: EventPage) -> None:
        """Deliver a page for as long as it is fresh, and save how far that came."""
        reached: Position | None = None
        began = time.monotonic()
        for delivery in deliveries_of(page, self.webhook, self._clock()):
            if not self._is_held():
                raise HoldLost
            attempt = await self._receiver.post(delivery.id, delivery.body)
            self._counts[attempt.result.value] += 1
            if attempt.result is not Result.DELIVERED:
                await self._save(reached)
                await self._fail(attempt)
                return
            self._is_well = True
            reached = delivery.position
            if time.monotonic() - began > STREAK_S:
                break
        await self._save(reached)

    async def _save(self, position: Position | None) -> None:
        """Save what was delivered before anything else is sent. A store that is away is waited for:
        going on would repeat it all.
        """
        if position is not None:
            self.position = position
            self._backoff, self._warn_at = _new_backoff(), float("-inf")
            self._unsaved.forget(self.webhook.id)
            save = partial(store.save_delivered, position=position, at=self._clock())
            await self._write(lambda conn: save(conn, self.webhook.id, self._process))

    async def _fail(self, attempt: Attempt) -> None:
        """Keep why an attempt failed, and wait for the next one. Raises HoldLost where there is
        none.
        """
        self._is_well = False
        if attempt.result is Result.GONE:
            _log.warning("webhook %s: %s", self.webhook.id, attempt.failure)
            await self._disable(attempt.failure)
            raise HoldLost
        if time.monotonic() >= self._warn_at:
            self._warn_at = time.monotonic() + WARN_S
            _log.warning(
                "webhook %s: event %d is not taken, and later ones wait: %s",
                self.webhook.id,
                self.position.seq + 1,
                attempt.failure,
            )
        self._unsaved.add(self.webhook.id, attempt.failure, self._clock())
        await asyncio.sleep(max(attempt.retry_after_s, self._backoff.next_delay_s()))

    async def _disable(self, failure: str) -> None:
        count = self._unsaved.forget(self.webhook.id) + 1
        save = partial(store.save_failure, at=self._clock(), count=count, is_final=True)
        await self._write(lambda conn: save(conn, self.webhook.id, self._process, failure))

    async def _write(self, save: Callable[[Connection], bool]) -> None:
        while True:
            try:
                is_saved = await self._database.write(save)
            except StoreUnavailable as error:
                _log.warning("webhook %s waits for the store: %s", self.webhook.id, error)
                await asyncio.sleep(STORE_DELAY_S)
                continue
            if not is_saved:
                raise HoldLost
            return

    async def _read(self) -> EventPage:
        limit = PAGE if self._backoff.is_fresh else 1
        while True:
            try:
                async with self._reading:
                    page = await self._database.read(
                        lambda conn: store.read_page(conn, self.webhook.id, limit)
                    )
            except StoreUnavailable as error:
                _log.warning("webhook %s waits for the store: %s", self.webhook.id, error)
                await asyncio.sleep(STORE_DELAY_S)
                continue
            if page is None:
                raise HoldLost
            return page


def _new_backoff() -> Backoff:
    return Backoff(
        random.SystemRandom(), time.monotonic, first_s=FIRST_DELAY_S, longest_s=LONGEST_DELAY_S
    )
