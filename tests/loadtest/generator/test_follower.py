"""The client under test, without a network: what it notices and how it times recoveries."""

import json
import random
from typing import Any

import pytest

from rtdash.client import Timing
from rtdash.client import connection_events as events
from rtdash.loadtest.generator.client_stats import ClientStats
from rtdash.loadtest.generator.follower import Follower
from rtdash.loadtest.generator.message_reader import MessageReader, operation_id
from rtdash.protocol.channels import Channel, Stream
from rtdash.protocol.client_session import ClientSession

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


class Client(Follower):
    """A follower whose sockets and tokens are there at once."""

    def __init__(self, stats: ClientStats, **options: bool) -> None:
        session = ClientSession([CHANNEL])
        reader, rng = MessageReader("run"), random.Random(1)
        super().__init__("client 1", session, reader, stats, timing=Timing(), rng=rng, **options)
        self.attempts = 0
        self.sent: list[dict[str, Any]] = []

    def handle(self, now: float, event: events.Event) -> list[events.Action]:
        """And what follows from it."""
        actions = super().handle(now, event)
        for action in actions:
            match action:
                case events.AskToken(request):
                    self.handle(now, events.TokenCame(request, "t"))
                case events.Open(attempt=attempt):
                    self.attempts = attempt
                    self.handle(now, events.Opened(attempt))
                case events.Send(text):
                    self.sent.append(json.loads(text))
        return actions

    def hear(self, payload: bytes, now: float) -> list[events.Action]:
        """A frame on the latest socket."""
        return self.handle(now, events.Heard(self.attempts, payload))

    def lose(self, now: float, port: int = 0) -> None:
        """The latest socket breaks."""
        self.port = port
        self.handle(now, events.Closed(self.attempts, 1006))

    def come_back(self, now: float) -> None:
        """The next attempt is due; returns what it sends."""
        self.handle(now, events.Due())


@pytest.fixture
def follower(stats: ClientStats) -> Client:
    """Connected and subscribed from seq 4 on."""
    one = Client(stats)
    one.handle(0, events.Start())
    assert one.sent[0]["action"] == "subscribe"
    one.hear(answer(4), 0)
    return one


def test_a_client_may_subscribe_twice_and_nothing_changes(stats: ClientStats):
    """The client asks once more for what was confirmed; what comes twice then is a repeat."""
    one = Client(stats, asks_twice=True)
    one.handle(0, events.Start())
    one.hear(answer(4), 0)
    again = {"action": "subscribe", "venue": "grill", "channels": [CHANNEL]}
    assert [sent for sent in one.sent if sent["action"] == "subscribe"][1:] == [again]
    one.hear(event(5), 1)
    one.hear(answer(5), 1)
    one.hear(event(6), 1)
    assert (one.accounts[STREAM].next_seq, one.accounts[STREAM].duplicated) == (7, 0)
    one.hear(event(6), 1)
    assert one.accounts[STREAM].duplicated == 1
    one.lose(2)
    one.come_back(3)
    one.hear(answer(6, recovered=True), 3)
    assert [sent for sent in one.sent if sent["action"] == "subscribe"][2:] == []


def test_latency_counts_from_the_scheduled_instant(follower: Client, stats: ClientStats):
    """The operation's id carries it; others' operations have none."""
    follower.hear(event(5, operationId=operation_id("run", "p.1", 10.0)), 10.25)
    follower.hear(event(6, operationId="somebody-elses"), 99)
    assert stats.latency.count == 1
    assert stats.latency.max_s == pytest.approx(0.25)


def test_a_client_comes_back_for_what_a_connection_skipped(follower: Client, stats: ClientStats):
    """As every client does, from before the gap; what was skipped counts as lost although it comes
    then, and nothing counts as repeated.
    """
    follower.hear(event(5), 1)
    assert events.Drop() in follower.hear(event(8), 1)
    follower.hear(event(9), 1)
    assert follower.accounts[STREAM].missing == {6, 7}
    follower.come_back(2)
    assert follower.sent[-2]["positions"] == {"grill": {CHANNEL: {"epoch": "e", "seq": 5}}}
    follower.hear(answer(9, recovered=True), 2)
    for seq in (6, 7, 8, 9, 10):
        follower.hear(event(seq), 3)
    account = follower.accounts[STREAM]
    assert list(account.lost(10)) == [6, 7]
    assert account.has_gaps
    assert (account.next_seq, account.duplicated, account.reordered) == (11, 0, 0)
    assert [recovery.cause for recovery in stats.recoveries] == ["gap"]


def test_what_comes_after_a_later_event_is_reordered(follower: Client):
    """Also when the client has already given the connection up."""
    for seq in (6, 5):
        follower.hear(event(seq), 1)
    follower.come_back(2)
    account = follower.accounts[STREAM]
    assert (account.reordered, account.has_gaps) == (1, False)


def test_the_rest_of_a_batch_behind_a_gap_is_evidence(follower: Client):
    """Entered in the account, and not counted as received by the session."""
    messages = [json.loads(event(seq)) for seq in (7, 6, 5)]
    batch = {"type": "batch", "timestamp": BEFORE, "messages": messages}
    assert events.Drop() in follower.hear(json.dumps(batch).encode(), 1)
    assert follower.accounts[STREAM].reordered == 2
    follower.come_back(2)
    assert follower.accounts[STREAM].next_seq == 5


def test_a_frame_that_is_not_of_the_protocol_ends_the_connection(
    follower: Client, stats: ClientStats
):
    """And is named."""
    assert events.Drop() in follower.hear(b"nonsense", 1)
    assert stats.counts == {"invalid": 1}
    assert stats.examples == ["invalid: client 1: not JSON"]


def test_a_connection_that_never_stood_is_a_failure_of_the_server(stats: ClientStats):
    """Unless it is on the way back from a loss."""
    one = Client(stats)
    one.handle(0, events.Start())
    one.lose(1)
    assert stats.connect_failures == 0
    other = Client(stats)
    super(Client, other).handle(0, events.Start())
    super(Client, other).handle(0, events.TokenCame(1, "t"))
    super(Client, other).handle(0, events.Closed(1, 1006, detail="nothing listens there"))
    assert stats.connect_failures == 1
    assert "client 1: nothing listens there" in stats.examples[-1]


def test_a_wrong_field_is_invalid_and_named(follower: Client, stats: ClientStats):
    """With the client and the field."""
    follower.hear(event(5, level="loud"), 1)
    assert stats.counts == {"invalid": 1}
    assert "client 1: level is 'loud'" in stats.examples[0]


def test_two_contents_under_one_seq_are_invalid(follower: Client, stats: ClientStats):
    """The second one differs from what was received before."""
    follower.hear(event(5), 1)
    follower.hear(event(5, body="something else"), 1)
    assert stats.counts["invalid"] == 1


def test_an_event_of_a_stream_not_followed_is_unexpected(follower: Client, stats: ClientStats):
    """And enters no account."""
    follower.hear(event(1, venue="elsewhere"), 1)
    assert stats.counts == {"unexpected": 1}


def test_a_recovery_is_consistent_with_the_last_event_that_was_missed(
    follower: Client, stats: ClientStats
):
    """Not with the answer before it, and not with live events after it; what was missed is counted
    as recovered.
    """
    follower.hear(event(5), 1)
    follower.lose(2, port=1234)
    follower.come_back(3)
    follower.hear(answer(5, recovered=True), 4)
    follower.hear(pong(AFTER), 4.1)
    follower.hear(event(6), 5)
    follower.hear(event(7), 6)
    follower.hear(event(8, at=AFTER), 7)
    (recovery,) = stats.recoveries
    assert (
        recovery.detected_at,
        recovery.reconnected_at,
        recovery.subscribed_at,
        recovery.consistent_at,
    ) == (2, 3, 4, 6)
    assert (recovery.attempts, recovery.port) == (1, 1234)
    assert follower.accounts[STREAM].recovered == 2


def test_a_forgotten_session_is_noticed(follower: Client, stats: ClientStats):
    """Though the session gets over it by itself."""
    follower.lose(2)
    follower.come_back(3)
    follower.hear(
        json.dumps(
            {"status": "error", "code": "session_unknown", "message": "?", "action": "resume"}
        ).encode(),
        3,
    )
    assert stats.counts == {"sessions_forgotten": 1}


def test_it_is_at_the_head_only_with_everything(follower: Client):
    """And while it is connected."""
    assert not follower.is_at({STREAM: 5})
    follower.hear(event(5), 1)
    assert follower.is_at({STREAM: 5})
    follower.lose(2)
    assert not follower.is_at({STREAM: 5})


def test_a_ping_without_an_answer_is_a_late_one(follower: Client, stats: ClientStats):
    """A late ping counts each time with its age; the next one begins anew after a reconnection."""
    follower.hear(pong(BEFORE), 0.1)
    assert follower.ping(1.0) != []
    assert [follower.ping(now) for now in (2.0, 3.0)] == [[], []]
    assert stats.pong_time.count == 3
    assert stats.pong_time.max_s == 2.0
    follower.lose(4.0)
    assert follower.ping(5.0) == []
    assert stats.pong_time.count == 3


@pytest.mark.parametrize("seq", [2**53, 0, -1])
def test_a_seq_of_another_world_is_named_and_not_counted_up_to(
    follower: Client, stats: ClientStats, seq: int
):
    """The gap before it would not fit into any memory."""
    follower.hear(event(seq), 1.0)
    assert stats.counts["invalid"] >= 1
    assert not follower.accounts[STREAM].missing
    follower.come_back(2.0)
    follower.hear(answer(4, recovered=True), 2.0)
    follower.hear(event(5), 2.0)
    assert follower.accounts[STREAM].next_seq == 6
