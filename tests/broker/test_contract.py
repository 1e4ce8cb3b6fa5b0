"""What every broker does: one suite over the memory broker, Redis, RabbitMQ, Kafka and PostgreSQL,
each a real server.
"""

import asyncio
import signal
from contextlib import suppress

import pytest

from rtdash.broker.base import Broker, BrokerUnavailable, Notice
from rtdash.broker.kafka import KafkaBroker
from rtdash.broker.notices import NoticeCodec, derive_key
from tests.broker.conftest import KEY, SERVERS, Processes, listening, notice, opened
from tests.servers import TestServer, own

pytestmark = pytest.mark.anyio

FROZEN_LIMIT_S = 20.0
"""Twice the time in which an adapter, or a driver's heartbeat, notices silence, for a busy machine.
"""


async def test_every_process_hears_a_notice_as_it_was_sent(processes: Processes) -> None:
    """Stream, epoch, number and each byte of the bodies arrive at the sender and at another
    process.
    """
    one, other = processes.broker(), processes.broker()
    sent = notice(41, b'{"name":"Zo\xc3\xab","seq":41}', b'{"seq":42}')
    async with listening(one) as ear, listening(other, speaker=one) as distant:
        await one.publish((sent,))
        await ear.hears(lambda heard: sent in heard)
        await distant.hears(lambda heard: sent in heard)


async def test_notices_of_a_stream_keep_their_order(processes: Processes) -> None:
    """A thousand notices of two venues, in batches as the relay sends them, arrive complete and in
    order.
    """
    one, other = processes.broker(), processes.broker()
    sent = [
        notice(seq, b"{}", venue=venue) for seq in range(1, 501) for venue in ("order-a", "order-b")
    ]
    async with listening(other, speaker=one) as ear:
        for start in range(0, len(sent), 50):
            await one.publish(tuple(sent[start : start + 50]))
            await asyncio.sleep(0)
        await ear.hears(lambda _: len(ear.of("order-a")) == len(ear.of("order-b")) == 500)
        assert [[one.first_seq for one in ear.of(venue)] for venue in ("order-a", "order-b")] == [
            list(range(1, 501))
        ] * 2


async def test_a_listener_hears_nothing_from_before(processes: Processes) -> None:
    """A notice from before the first listener is gone: the log has it."""
    broker = processes.broker()
    before = notice(1)
    await broker.publish((before,))
    async with listening(broker) as ear:
        after = notice(2)
        await broker.publish((after,))
        await ear.hears(lambda heard: after in heard)
        assert before not in ear.heard


async def test_a_broker_with_two_topics_carries_every_venue(processes: Processes) -> None:
    """Notices split over two topics all arrive, and each venue's in order; with another number of
    topics none of them is heard.
    """
    one, other = processes.broker("?topics=2"), processes.broker("?topics=2")
    venues = [f"split-{number}" for number in range(8)]
    sent = tuple(notice(seq, b"{}", venue=venue) for seq in range(1, 6) for venue in venues)
    async with listening(other, speaker=one) as ear:
        await _until_both_topics_are_heard(one, ear.heard)
        await one.publish(sent)
        await ear.hears(lambda _: all(len(ear.of(venue)) == 5 for venue in venues))
        assert all([one.first_seq for one in ear.of(venue)] == [1, 2, 3, 4, 5] for venue in venues)


async def test_a_closed_broker_can_be_closed_again(processes: Processes) -> None:
    """Closing is the end, however often."""
    broker = processes.broker()
    await broker.publish((notice(1),))
    await broker.close()
    await broker.close()


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_a_killed_server_is_noticed_and_used_again(server: TestServer) -> None:
    """Listening and publishing raise when the server dies; the same object works when it is
    back.
    """
    broker = opened(own(server).url)
    try:
        async with listening(broker):
            pass
        listened = asyncio.create_task(_listen_to_the_end(broker))
        await asyncio.to_thread(server.end)
        with pytest.raises(BrokerUnavailable):
            await asyncio.wait_for(listened, FROZEN_LIMIT_S)
        with pytest.raises(BrokerUnavailable):
            await _publish_until_it_raises(broker)
        await asyncio.to_thread(server.start)
        await _listens_again(broker)
    finally:
        await broker.close()


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_a_notice_of_another_key_is_dropped_and_counted(server: TestServer) -> None:
    """Whatever else writes to the broker puts no event on a stream and stops no listener."""
    codec, stranger = NoticeCodec(KEY), NoticeCodec(derive_key("somebody else's secret"))
    broker, foreign = opened(server.url, codec), opened(server.url, stranger)
    try:
        async with listening(broker) as ear:
            forged, sent = notice(3, b'{"seq":3}'), notice(2)
            await foreign.publish((forged,))
            for _ in range(3):
                await foreign.publish((notice(1, venue="a\tb"),))
            await broker.publish((notice(1, venue="a\tb"), sent))
            await ear.hears(lambda heard: sent in heard)
            async with asyncio.timeout(FROZEN_LIMIT_S):
                while codec.rejected < 5:  # each publisher has a way of its own to the listener
                    await broker.publish((notice(1),))
                    await asyncio.sleep(0.01)
            assert forged not in ear.heard
    finally:
        await broker.close()
        await foreign.close()


async def test_a_record_without_a_value_stops_no_listener(kafka_server: TestServer) -> None:
    """Kafka's tombstone, which any program may write: dropped and counted like other strangers."""
    codec = NoticeCodec(KEY)
    broker, foreign = opened(kafka_server.url, codec), opened(kafka_server.url)
    assert isinstance(broker, KafkaBroker)
    try:
        async with listening(broker, speaker=foreign) as ear:
            before, producer = codec.rejected, await broker._started_producer()
            await producer.send_and_wait(broker._topics[0], None, key=b"k")
            sent = notice(2)
            await foreign.publish((sent,))
            await ear.hears(lambda heard: sent in heard)
            assert codec.rejected > before
    finally:
        await broker.close()
        await foreign.close()


@pytest.mark.parametrize("size", [100, 4_000, 7_700, 9_000, 200_000])
async def test_an_event_of_any_length_is_heard_of(processes: Processes, size: int) -> None:
    """With its body where the broker takes it, else as a sign that the stream has grown so far."""
    one, other = processes.broker(), processes.broker()
    bodies = [b'"%s"' % (b"x" * size) for _ in range(3)]
    sent = notice(7, *bodies)
    async with listening(other, speaker=one) as ear:
        await one.publish((sent,))
        await ear.hears(lambda _: _reach(ear.of(sent.stream.venue)) == 9)
        parts = ear.of(sent.stream.venue)
        assert all(part.bodies == tuple(bodies[: len(part.bodies)]) for part in parts), (
            "a body came changed"
        )
        following = 7
        for part in parts:
            assert part.first_seq in {following, following + 1}
            following = _reach([part]) + 1


@pytest.mark.parametrize("server", SERVERS, indirect=True)
async def test_a_frozen_server_is_noticed(server: TestServer) -> None:
    """A server whose sockets stand but that does nothing counts as lost, for listeners and for
    publishers.
    """
    listener, publisher = opened(own(server).url), opened(server.url)
    try:
        async with listening(publisher):
            pass
        listened = asyncio.create_task(_listen_to_the_end(listener))
        await asyncio.sleep(0.5)
        server.send(signal.SIGSTOP)
        with pytest.raises(BrokerUnavailable):
            await asyncio.wait_for(listened, FROZEN_LIMIT_S)
        if (
            "amqp" not in server.url
        ):  # RabbitMQ confirms nothing, so a publisher learns of it by its listener only
            with pytest.raises(BrokerUnavailable):
                await asyncio.wait_for(publisher.publish((notice(1),)), FROZEN_LIMIT_S)
    finally:
        server.send(signal.SIGCONT)
        await listener.close()
        await publisher.close()


def _reach(parts: list[Notice]) -> int:
    return max((part.first_seq + len(part.bodies) - 1 for part in parts), default=0)


async def _publish_until_it_raises(broker: Broker) -> None:
    async with asyncio.timeout(FROZEN_LIMIT_S):
        while True:
            await broker.publish((notice(1),))
            await asyncio.sleep(0.05)


async def _until_both_topics_are_heard(broker: Broker, heard: list[object]) -> None:
    """One topic may be ready later than the other: ask both until both answer."""
    probes = tuple(notice(1, venue=f"probe-{number}") for number in range(16))
    async with asyncio.timeout(FROZEN_LIMIT_S):
        while not all(probe in heard for probe in probes):
            await broker.publish(probes)
            await asyncio.sleep(0.05)


async def _listens_again(broker: Broker) -> None:
    for _ in range(20):
        with suppress(BrokerUnavailable):
            async with listening(broker):
                return
        await asyncio.sleep(0.5)
    pytest.fail("the broker does not work again")


async def _listen_to_the_end(broker: Broker) -> None:
    async for _ in broker.listen():
        pass
