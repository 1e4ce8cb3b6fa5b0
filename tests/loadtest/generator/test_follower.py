"""The client under test, without a network: what it notices and how it times recoveries."""

import json
from typing import Any

import pytest

from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.follower import Follower
from rtdash.loadtest.generator.message_reader import MessageReader, operation_id
from rtdash.protocol.channels import Channel, Stream

CHANNEL = Channel.RESTAURANT_NOTIFICATIONS
STREAM = Stream("grill", CHANNEL)
BEFORE, AFTER = "2026-01-01T12:00:00.000Z", "2026-01-01T12:00:09.000Z"


def event(seq: int, *, at: str = BEFORE, **changes: Any) -> bytes:
    message = {
        "type": "notification",
        "timestamp": at,
        "level": "info",
        "title": "t",
        "body": "b",
        "channel": CHANNEL,
        "venue": "grill",
        "operationId": None,
    }
    return json.dumps({**message, "seq": seq, **changes}).encode()


def answer(seq: int, *, recovered: bool | None = None) -> bytes:
    told = {
        "status": "subscribed",
        "channels": [CHANNEL],
        "venues": {CHANNEL: "grill"},
        "session": "s",
        "recovered": {},
    }
    if recovered is not None:
        told |= {"status": "resumed", "venue": "grill", "recovered": {CHANNEL: recovered}}
    return json.dumps({**told, "positions": {CHANNEL: {"epoch": "e", "seq": seq}}}).encode()


def pong(at: str) -> bytes:
    return json.dumps({"status": "pong", "timestamp": at}).encode()


@pytest.fixture
def stats() -> ClientStats:
    return ClientStats()


@pytest.fixture
def follower(stats: ClientStats) -> Follower:
    """Connected and subscribed from seq 4 on."""
    one = Follower("client 1", [CHANNEL], MessageReader("run"), stats)
    assert json.loads(one.connected(0)[0])["action"] == "subscribe"
    one.receive(answer(4), 0)
    return one


def test_latency_counts_from_the_scheduled_instant(follower: Follower, stats: ClientStats):
    """The operation's id carries it; others' operations have none."""
    follower.receive(event(5, operationId=operation_id("run", "p.1", 10.0)), 10.25)
    follower.receive(event(6, operationId="somebody-elses"), 99)
    assert stats.latency.count == 1
    assert stats.latency.max_s == pytest.approx(0.25)


def test_a_gap_stays_missing_and_does_not_stop_the_rest(follower: Follower):
    """So that it is found at the end."""
    for seq in (5, 8, 9):
        follower.receive(event(seq), 1)
    assert follower.accounts[STREAM].missing == {6, 7}
    assert follower.accounts[STREAM].next_seq == 10


def test_a_wrong_field_is_invalid_and_named(follower: Follower, stats: ClientStats):
    """With the client and the field."""
    follower.receive(event(5, level="loud"), 1)
    assert stats.counts == {"invalid": 1}
    assert "client 1: level is 'loud'" in stats.examples[0]


def test_two_contents_under_one_seq_are_invalid(follower: Follower, stats: ClientStats):
    """The second one differs from what was received before."""
    follower.receive(event(5), 1)
    follower.receive(event(5, body="something else"), 1)
    assert stats.counts["invalid"] == 1


def test_an_event_of_a_stream_not_followed_is_unexpected(follower: Follower, stats: ClientStats):
    """And enters no account."""
    follower.receive(event(1, venue="elsewhere"), 1)
    assert stats.counts == {"unexpected": 1}


def test_a_recovery_is_consistent_with_the_last_event_that_was_missed(
    follower: Follower, stats: ClientStats
):
    """Not with the answer before it, and not with live events after it; what was missed is counted
    as recovered.
    """
    follower.receive(event(5), 1)
    follower.lost(2, port=1234)
    follower.attempting()
    follower.connected(3)
    follower.receive(answer(5, recovered=True), 4)
    follower.receive(pong(AFTER), 4.1)
    follower.receive(event(6), 5)
    follower.receive(event(7), 6)
    follower.receive(event(8, at=AFTER), 7)
    (recovery,) = stats.recoveries
    assert (
        recovery.detected_at,
        recovery.reconnected_at,
        recovery.subscribed_at,
        recovery.consistent_at,
    ) == (2, 3, 4, 6)
    assert recovery.attempts == 1
    assert follower.accounts[STREAM].recovered == 2


def test_a_forgotten_session_is_noticed(follower: Follower, stats: ClientStats):
    """Though the session gets over it by itself."""
    follower.lost(2, port=1)
    follower.connected(3)
    follower.receive(
        json.dumps(
            {"status": "error", "code": "session_unknown", "message": "?", "action": "resume"}
        ).encode(),
        3,
    )
    assert stats.counts == {"sessions_forgotten": 1}


def test_it_is_at_the_head_only_with_everything(follower: Follower):
    """And while it is connected."""
    assert not follower.is_at({STREAM: 5})
    follower.receive(event(5), 1)
    assert follower.is_at({STREAM: 5})
    follower.lost(2, port=1)
    assert not follower.is_at({STREAM: 5})


def test_a_ping_without_an_answer_is_a_late_one(follower: Follower, stats: ClientStats):
    """It counts each time with its age; the next one begins anew after a reconnection."""
    follower.receive(pong(BEFORE), 0.1)
    assert follower.ping(1.0) != []
    assert [follower.ping(now) for now in (2.0, 3.0)] == [[], []]
    assert stats.pong_time.count == 3
    assert stats.pong_time.max_s == 2.0
    follower.lost(4.0, port=1)
    assert follower.ping(5.0) == []
    assert stats.pong_time.count == 3


@pytest.mark.parametrize("seq", [2**53, 0, -1])
def test_a_seq_of_another_world_is_named_and_not_counted_up_to(
    follower: Follower, stats: ClientStats, seq: int
):
    """The gap before it would not fit into any memory."""
    follower.receive(event(seq), 1.0)
    assert stats.counts["invalid"] >= 1
    assert not follower.accounts[STREAM].missing
    follower.receive(event(5), 1.0)
    assert follower.accounts[STREAM].next_seq == 6
