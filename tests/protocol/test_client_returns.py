"""The client's rules for coming back, without a connection: what it asks for, what it drops, and
when a replay is over.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from rtdash.protocol.channels import Position
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.received import Gap, Message
from tests.protocol.talk import BOOKINGS, GRILL, answer, event, hear, say, subscribed


def test_resume_names_session_and_positions():
    """A later connection takes up the session, venue by venue, and is subscribed when each has
    answered.
    """
    session = subscribed(BOOKINGS, GRILL)
    hear(session, event(1), event(1, GRILL), event(2, GRILL))
    session.disconnected()
    assert not session.is_subscribed
    session.connected()
    assert say(session) == [
        {
            "action": "resume",
            "session": "s",
            "positions": {
                "harbour-hotel": {"hotel_reservations": {"epoch": "e", "seq": 1}},
                "harbour-grill": {"restaurant_reservations": {"epoch": "e", "seq": 2}},
            },
        }
    ]
    hear(session, answer(BOOKINGS, seq=1, status="resumed", recovered=True))
    assert not session.is_subscribed
    hear(session, answer(GRILL, seq=2, status="resumed", recovered=True))
    assert session.is_subscribed


def test_own_position_wins_over_an_older_confirmed_one():
    """When the server replays from further back, what is known already is dropped."""
    session = subscribed(BOOKINGS)
    hear(session, event(1), event(2))
    session.connected()
    received = hear(
        session,
        answer(BOOKINGS, seq=0, status="resumed", recovered=True),
        event(1),
        event(2),
        event(3),
    )
    assert [one.position.seq for one in received if isinstance(one, Message)] == [3]


def test_recovery_that_begins_too_late_is_a_gap():
    """A server that claims to have recovered, but skips events, isn't believed."""
    session = subscribed(BOOKINGS)
    hear(session, event(1))
    session.connected()
    received = hear(session, answer(BOOKINGS, seq=3, status="resumed", recovered=True), event(4))
    assert received[-1] == Gap(BOOKINGS, Position("e", 1), 4)


def test_subscription_that_was_never_answered_is_asked_for_again():
    """What the session doesn't hold is subscribed beside the resume."""
    session = ClientSession([BOOKINGS, GRILL])
    session.connected()
    hear(session, answer(BOOKINGS))
    session.connected()
    assert [request["action"] for request in say(session)] == ["resume", "subscribe"]
    hear(session, answer(BOOKINGS, status="resumed", recovered=True), answer(GRILL))
    assert session.is_subscribed


def test_unknown_session_subscribes_anew():
    """Positions are the client's own and outlive the session."""
    session = subscribed(BOOKINGS)
    hear(session, event(1))
    session.connected()
    session.outgoing()
    assert (
        hear(
            session,
            {
                "status": "error",
                "code": "session_unknown",
                "message": "",
                "action": "resume",
                "temporary": False,
            },
        )
        == []
    )
    assert say(session) == [
        {
            "action": "subscribe",
            "channels": ["hotel_reservations"],
            "venue": "harbour-hotel",
            "positions": {"hotel_reservations": {"epoch": "e", "seq": 1}},
        }
    ]
    assert not session.is_subscribed
    hear(session, answer(BOOKINGS, seq=1, recovered=True))
    assert session.is_subscribed


def test_replay_ends_with_an_event_of_the_present():
    """Events older than the connection are history; the first younger one ends the replay of its
    stream.
    """
    session = ClientSession([BOOKINGS], positions={BOOKINGS: Position("e", 0)})
    session.connected()
    hear(
        session,
        answer(BOOKINGS, recovered=True),
        {"status": "pong", "timestamp": "2026-01-02T03:04:06.000Z"},
    )
    hear(session, event(1))
    assert session.is_replaying
    hear(session, event(2, timestamp="2026-01-02T03:04:06.001Z"))
    assert not session.is_replaying


def test_replay_that_went_quiet():
    """A caller that has a clock may say that the replay is over."""
    session = ClientSession([BOOKINGS], positions={BOOKINGS: Position("e", 0)})
    session.connected()
    hear(session, answer(BOOKINGS, recovered=True))
    session.end_replay()
    assert not session.is_replaying


connections = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 12), st.none() | st.integers(0, 5), st.booleans()),
    max_size=8,
)


@settings(deadline=None)
@given(st.integers(1, 20), connections)
def test_exactly_once_over_any_connections(total, breaks):
    """However connections break, whatever is sent again or left out, the application gets 1 to n,
    each once and in order.
    """
    session = subscribed(BOOKINGS)
    got: list[int] = []
    for back, count, lost, is_doubled in [*breaks, (0, total, None, False)]:
        position = session.positions[BOOKINGS].seq
        assert position == len(got)
        start = max(0, position - back)
        session.connected()
        hear(session, answer(BOOKINGS, seq=start, status="resumed", recovered=True))
        sent = list(range(start + 1, total + 1))[:count]
        arriving = [
            seq for index, seq in enumerate(sent) if index != lost for _ in range(1 + is_doubled)
        ]
        got += [
            one.position.seq
            for seq in arriving
            for one in hear(session, event(seq))
            if isinstance(one, Message)
        ]
    assert got == list(range(1, total + 1))
