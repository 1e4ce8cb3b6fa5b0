"""Many receivers in trouble: what they cost the process, and events that one never takes."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rtdash.protocol.channels import Position
from rtdash.store import event_log, webhook_leases, webhook_skips
from rtdash.store import webhooks as store
from rtdash.store.database import Database
from rtdash.webhooks import webhook_senders as here
from rtdash.webhooks.attempt_pacer import SPACING_S, AttemptPacer
from rtdash.webhooks.sender import PAGE
from tests.server.turns import STEP_S, TRIES
from tests.stores import NOW, anyio_backend, clock, database, database_url
from tests.webhooks.receivers import LIMIT_S, Delivered, ReceiverServer, in_order
from tests.webhooks.test_webhook_senders import SECRET, STREAM, add, append, process, until

__all__ = ["anyio_backend", "clock", "database", "database_url"]

MANY = 30
ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


@contextmanager
def receivers_in_trouble() -> Iterator[list[str]]:
    """URLs of many receivers: a third never answer, a third refuse connections, a third say 500."""
    broken = ReceiverServer(answer=lambda _: (500, {}))
    with socket.socket() as hangs, socket.socket() as dead, broken.running():
        hangs.bind(("127.0.0.1", 0))
        hangs.listen(MANY)
        dead.bind(("127.0.0.1", 0))  # and listens never
        ports = hangs.getsockname()[1], dead.getsockname()[1], broken.port
        yield [f"http://127.0.0.1:{ports[number % 3]}/{number}" for number in range(MANY)]


async def add_all(target: Database, urls: list[str]) -> None:
    for number, url in enumerate(urls):
        await target.write(
            lambda conn, number=number, url=url: store.add(
                conn, f"ill{number}", url, STREAM, secret=SECRET, at=NOW
            )
        )


async def until_stored(target: Database, condition: Callable[[list[store.Webhook]], bool]) -> None:
    """Wait until the condition holds for the webhooks as they are stored."""
    async with asyncio.timeout(LIMIT_S):
        while not condition(await target.read(store.read_all)):  # noqa: ASYNC110  a process writes it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_failures_are_saved_with_the_lease(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bookings wait for each commit: failures of any number of receivers make none of their own."""
    writes: list[float] = []
    write = database.write

    def counting(fn: Any) -> Any:
        writes.append(time.monotonic())
        return write(fn)

    with receivers_in_trouble() as urls:
        await add_all(database, urls)
        await append(database, 5)
        monkeypatch.setattr(database, "write", counting)
        async with process(database) as ours:
            began = time.monotonic()
            await until(lambda: ours._counts["failed"] >= 2 * MANY)
            await until_stored(database, lambda all_: all_[1].failures >= 3)
            renewals = 2 + (time.monotonic() - began) / here.RENEW_S
            assert len(writes) <= renewals
            found = await database.read(store.read_all)
    failed = [one for one in found if one.failure]
    assert len(failed) >= MANY * 2 // 3
    assert {one.held_seq for one in failed} == {1}
    assert any("is it running?" in (one.failure or "") for one in failed)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_one_event_is_read_for_a_receiver_in_trouble(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a whole page again once it has taken that one."""
    limits: list[int] = []
    read_page = store.read_page

    def noting(conn: Any, webhook_id: str, limit: int) -> Any:
        limits.append(limit)
        return read_page(conn, webhook_id, limit)

    monkeypatch.setattr(store, "read_page", noting)
    receiver = ReceiverServer(answer=lambda _: (500 if len(receiver.attempts) < 4 else 200, {}))
    with receiver.running():
        await add(database, receiver)
        await append(database, 60)
        async with process(database):
            await until(lambda: len(receiver.taken) == 60)
    assert limits[:6] == [PAGE, 1, 1, 1, PAGE, PAGE]
    assert in_order(receiver.seqs) == list(range(1, 61))


async def test_attempts_begin_one_after_the_other() -> None:
    """However many wait; one that comes when none does has its turn at once."""
    now, waits = 100.0, []

    async def sleep(seconds: float) -> None:
        waits.append(round(seconds, 6))

    pacer = AttemptPacer(lambda: now)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rtdash.webhooks.attempt_pacer.asyncio.sleep", sleep)
        for _ in range(4):
            await pacer.turn()
        now += 1
        await pacer.turn()
    assert waits == [round(SPACING_S * turn, 6) for turn in (1, 2, 3)]


def test_first_attempts_hold_no_socket_up(tmp_path: Path) -> None:
    """Thirty webhooks, and the first event for all of them, in a process that made no connection
    yet: each step of the loop stays short, from the adding to the failures.
    """
    longest_s: list[float] = []
    while not longest_s or (longest_s[-1] >= STEP_S and len(longest_s) < TRIES):
        data = tmp_path / str(len(longest_s))
        command = [sys.executable, "-m", "tests.webhooks.first_attempts", str(data)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=150, check=False, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        longest_s.append(float(done.stdout))
    assert 0 < longest_s[-1] < STEP_S, longest_s


def refusing(seq: int) -> ReceiverServer:
    """A receiver that says 422 to one event for ever, and wants an hour's pause behind each."""

    def answer(one: Delivered) -> tuple[int, dict[str, str]]:
        return (422, {"Retry-After": "3600"}) if one.seq == seq else (200, {})

    return ReceiverServer(answer=answer)


async def test_an_event_is_stepped_over_by_hand(database: Database) -> None:
    """What its receiver refuses for ever holds all later ones, until it is skipped knowingly: then
    they come at once, in order, and what was skipped is counted.
    """
    receiver = refusing(2)
    with receiver.running():
        await add(database, receiver)
        await append(database, 4)
        async with process(database):
            await until(lambda: len(receiver.attempts) == 2)
            assert receiver.seqs == [1]
            await until_stored(database, lambda all_: all_[0].failure is not None)
            (found,) = await database.read(store.read_all)
            assert (found.held_seq, found.lag_events) == (2, 3)
            skipped = await database.write(lambda conn: webhook_skips.skip(conn, "w1", 2, at=NOW))
            assert skipped is not None
            assert skipped[1] == 1
            await until(lambda: len(receiver.taken) == 3)
            await append(database, 1)
            await until(lambda: len(receiver.taken) == 4)
    assert receiver.seqs == [1, 3, 4, 5]
    (found,) = await database.read(store.read_all)
    assert (found.skipped, found.skipped_at, found.held_seq) == (1, NOW, None)


async def test_a_reset_is_stepped_over_by_hand(database: Database) -> None:
    """What came into the new log before isn't sent, as after a reset that was taken; what follows
    is.
    """
    receiver = ReceiverServer(
        answer=lambda one: (422 if one.message["type"] == "reset" else 200, {"Retry-After": "3600"})
    )

    async def skip(seq: int | None = None) -> Any:
        return await database.write(lambda conn: webhook_skips.skip(conn, "w1", seq, at=NOW))

    with receiver.running():
        await add(database, receiver)
        await database.write(event_log.draw_epoch)
        await append(database, 2)
        with pytest.raises(store.WebhookRefused, match="no reset"):
            await skip()
        async with process(database):
            await until_stored(database, lambda all_: all_[0].is_held_by_reset)
            (found,) = await database.read(store.read_all)
            assert found.held_seq is None
            with pytest.raises(store.WebhookRefused, match="skip the reset"):
                await skip(1)
            shown, number = await skip()
            assert (number, shown.position.seq, shown.is_held_by_reset) == (0, 2, False)
            await append(database, 1)
            await until(lambda: receiver.seqs == [3])


async def test_a_delivery_under_way_does_not_undo_a_skip(database: Database) -> None:
    """The delivery's position is behind what was skipped meanwhile: it isn't saved, and nothing
    comes twice.
    """
    await add(database, ReceiverServer(port=1))
    await append(database, 5)
    await database.write(lambda conn: webhook_leases.hold(conn, "a"))
    await database.write(
        lambda conn: store.save_failure(conn, "w1", "a", "HTTP 422", at=NOW, is_final=False)
    )
    await database.write(lambda conn: webhook_skips.skip(conn, "w1", 4, at=NOW))
    epoch = (await database.read(store.read_all))[0].position.epoch

    def save(seq: int) -> Any:
        position = Position(epoch, seq)
        return lambda conn: store.save_delivered(conn, "w1", "a", position, at=NOW)

    assert not await database.write(save(2))
    assert (await database.read(store.read_all))[0].position.seq == 4
    assert await database.write(save(5))


async def test_what_can_not_be_skipped(database: Database) -> None:
    """What doesn't exist yet, what is not refused, what is behind already, a log that is replaced."""
    await add(database, ReceiverServer(port=1))
    await append(database, 3)

    async def skip(seq: int) -> Any:
        return await database.write(lambda conn: webhook_skips.skip(conn, "w1", seq, at=NOW))

    with pytest.raises(store.WebhookRefused, match="refuses nothing"):
        await skip(1)
    await database.write(lambda conn: webhook_leases.hold(conn, "a"))
    await database.write(
        lambda conn: store.save_failure(conn, "w1", "a", "HTTP 422", at=NOW, is_final=False)
    )
    with pytest.raises(store.WebhookRefused, match="has 3 events"):
        await skip(4)
    shown, number = await skip(3)
    assert (number, shown.position.seq, shown.skipped) == (3, 3, 3)
    assert (await skip(2))[1] == 0
    assert await database.write(lambda conn: webhook_skips.skip(conn, "none", 1, at=NOW)) is None
    await database.write(event_log.draw_epoch)
    with pytest.raises(store.WebhookRefused, match="replaced"):
        await skip(4)
