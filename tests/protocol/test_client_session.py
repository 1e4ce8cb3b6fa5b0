"""The client's rules, without a connection."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdash.protocol.channels import Channel, Position, Stream
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.received import Answer, Disconnect, Gap, Message, Refused, Subscribed, TokenExpiring

BOOKINGS = Stream("harbour-hotel", Channel.HOTEL_RESERVATIONS)
NOTES = Stream("harbour-hotel", Channel.HOTEL_NOTIFICATIONS)
FIGURES = Stream("harbour-hotel", Channel.HOTEL_STATS)
GRILL = Stream("harbour-grill", Channel.RESTAURANT_RESERVATIONS)


def event(seq, stream=BOOKINGS, timestamp="2026-01-02T03:04:05.000Z"):
    return {
        "type": "new_reservation",
        "timestamp": timestamp,
        "reservation": {},
        "channel": stream.channel,
        "venue": stream.venue,
        "seq": seq,
    }


def answer(*streams, seq=0, status="subscribed", recovered=None, epoch="e"):
    events = [stream for stream in streams if not stream.channel.is_state]
    return {
        "status": status,
        "channels": [stream.channel for stream in streams],
        "venues": {stream.channel: stream.venue for stream in streams},
        "session": "s",
        "positions": {stream.channel: {"epoch": epoch, "seq": seq} for stream in events},
        "recovered": {} if recovered is None else {stream.channel: recovered for stream in events},
    }


def hear(session, *bodies):
    return [received for body in bodies for received in session.receive(json.dumps(body))]


def say(session):
    """Its requests but for pings."""
    return [request for request in map(json.loads, session.outgoing()) if request["action"] != "ping"]


def subscribed(*streams, seq=0):
    session = ClientSession(streams)
    session.connected()
    session.outgoing()
    hear(session, answer(*streams, seq=seq))
    return session


def test_first_request_is_the_documents():
    """Plain channels are asked for with nothing but the document's two fields."""
    session = ClientSession(["hotel_stats", "hotel_reservations"])
    session.connected()
    assert say(session) == [{"action": "subscribe", "channels": ["hotel_stats", "hotel_reservations"]}]
    assert say(session) == []
    assert not session.is_subscribed


def test_requests_by_venue():
    """Streams of several venues are asked for in one request a venue, with their positions and the batch window."""
    session = ClientSession([BOOKINGS, GRILL, NOTES], positions={GRILL: Position("e", 3)}, batch_ms=20)
    session.connected()
    hotel, grill = say(session)
    assert hotel == {"action": "subscribe", "channels": [BOOKINGS.channel, NOTES.channel], "venue": "harbour-hotel", "batch": 20}
    assert grill["positions"] == {"restaurant_reservations": {"epoch": "e", "seq": 3}}
    hear(session, answer(BOOKINGS, NOTES))
    assert not session.is_subscribed
    hear(session, answer(GRILL, seq=3, recovered=True))
    assert session.is_subscribed


def test_default_venue_is_the_servers_to_place():
    """`venue` goes along for its kind; the channels of the other kind come from where the server says."""
    session = ClientSession(["hotel_reservations", "restaurant_reservations"], venue="harbour-hotel")
    session.connected()
    assert say(session)[0]["venue"] == "harbour-hotel"
    hear(session, answer(BOOKINGS, GRILL))
    assert set(session.wanted) == {BOOKINGS, GRILL}


def test_kept_positions_name_the_venue():
    """A plain channel with the position of one venue's stream means that venue."""
    session = ClientSession(["hotel_reservations"], positions={BOOKINGS: Position("e", 7)})
    session.connected()
    request = say(session)[0]
    assert request["venue"] == "harbour-hotel"
    assert request["positions"] == {"hotel_reservations": {"epoch": "e", "seq": 7}}


def test_unknown_channel():
    """A channel that doesn't exist is the caller's mistake."""
    with pytest.raises(ValueError, match="hotel_rooms"):
        ClientSession(["hotel_rooms"])


def test_answer_says_where_events_begin():
    """The positions of an answer are those before the first event; state channels have none."""
    session = ClientSession(["hotel_stats", "hotel_reservations"])
    session.connected()
    received = hear(session, answer(FIGURES, BOOKINGS, seq=12))
    assert received == [Subscribed((FIGURES, BOOKINGS), {BOOKINGS: Position("e", 12)}, frozenset())]
    assert session.positions == {BOOKINGS: Position("e", 12)}


def test_events_move_the_position():
    """Each event comes with the position behind it."""
    session = subscribed(BOOKINGS, seq=4)
    assert hear(session, event(5), event(6)) == [
        Message(event(5), BOOKINGS, Position("e", 5)),
        Message(event(6), BOOKINGS, Position("e", 6)),
    ]


def test_duplicates_are_dropped():
    """An event at or before the position has been received."""
    session = subscribed(BOOKINGS)
    assert [message.position.seq for message in hear(session, event(1), event(2), event(1), event(2), event(3))] == [1, 2, 3]
    assert session.duplicates == 2


def test_gap_keeps_the_position():
    """After a gap the position stays, so that the next connection asks for what is missing."""
    session = subscribed(BOOKINGS)
    assert hear(session, event(1), event(3)) == [Message(event(1), BOOKINGS, Position("e", 1)), Gap(BOOKINGS, Position("e", 1), 3)]
    session.connected()
    assert say(session)[0]["positions"]["harbour-hotel"]["hotel_reservations"]["seq"] == 1


def test_what_lies_behind_a_gap_in_a_batch_is_not_received():
    """The connection ends with the gap: an event behind it, of whatever stream, is to come again on the next one."""
    session = subscribed(BOOKINGS, NOTES)
    batch = {"type": "batch", "messages": [event(1), event(3), event(1, NOTES)]}
    assert hear(session, batch) == [Message(event(1), BOOKINGS, Position("e", 1)), Gap(BOOKINGS, Position("e", 1), 3)]
    assert session.positions[NOTES].seq == 0


def test_streams_are_counted_apart():
    """Channels and venues have their own seqs."""
    session = subscribed(BOOKINGS, NOTES)
    received = hear(session, event(1), event(1, NOTES), event(2), event(2, NOTES))
    assert [type(one) for one in received] == [Message] * 4


def test_state_messages_pass():
    """They have no position, and none is missing between them."""
    session = subscribed(FIGURES)
    state = {
        "type": "stats_update",
        "timestamp": "2026-01-02T03:04:05.000Z",
        "stats": {},
        "channel": "hotel_stats",
        "venue": "harbour-hotel",
    }
    assert hear(session, state, state) == [Message(state, FIGURES)] * 2
    assert session.positions == {}


def test_reset_moves_the_position():
    """History is gone: events are counted from the reset's position, in its epoch."""
    session = subscribed(BOOKINGS, seq=4)
    reset = {
        "type": "reset",
        "channel": BOOKINGS.channel,
        "venue": BOOKINGS.venue,
        "position": {"epoch": "f", "seq": 90},
        "reason": "epoch",
    }
    assert hear(session, reset, event(91)) == [
        Message(reset, BOOKINGS, Position("f", 90)),
        Message(event(91), BOOKINGS, Position("f", 91)),
    ]


def test_batches_are_unpacked():
    """In order, with what they bring of every sort."""
    session = subscribed(BOOKINGS)
    batch = {"type": "batch", "messages": [event(1), event(2), {"type": "token_expiring", "expiresAt": "soon"}]}
    received = hear(session, batch)
    assert [type(one) for one in received] == [Message, Message, TokenExpiring]


def test_resume_names_session_and_positions():
    """A later connection takes up the session, venue by venue, and is subscribed when each has answered."""
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
    received = hear(session, answer(BOOKINGS, seq=0, status="resumed", recovered=True), event(1), event(2), event(3))
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
    assert hear(session, {"status": "error", "code": "session_unknown", "message": "", "action": "resume", "temporary": False}) == []
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
    """Events older than the connection are history; the first younger one ends the replay of its stream."""
    session = ClientSession([BOOKINGS], positions={BOOKINGS: Position("e", 0)})
    session.connected()
    hear(session, answer(BOOKINGS, recovered=True), {"status": "pong", "timestamp": "2026-01-02T03:04:06.000Z"})
    hear(session, event(1))
    assert session.is_replaying
    hear(session, event(2, timestamp="2026-01-02T03:04:06.001Z"))
    assert not session.is_replaying


def test_replay_that_went_quiet():
    """Whoever has a clock may say that the replay is over."""
    session = ClientSession([BOOKINGS], positions={BOOKINGS: Position("e", 0)})
    session.connected()
    hear(session, answer(BOOKINGS, recovered=True))
    session.settle()
    assert not session.is_replaying


def test_errors_disconnects_and_other_answers():
    """Each is told with what the client needs to act on it."""
    session = subscribed(BOOKINGS)
    error = {"status": "error", "code": "rate_limited", "message": "slow down", "action": "ping", "temporary": True, "retryAfterMs": 1500}
    farewell = {"type": "disconnect", "code": 1012, "reason": "restart", "reconnect": True, "retryAfterMs": 3000, "jitterMs": 500}
    authenticated = {"status": "authenticated", "expiresAt": "later"}
    assert hear(session, error, farewell, authenticated) == [
        Refused("rate_limited", "slow down", "ping", (), is_temporary=True, retry_after_s=1.5),
        Disconnect(1012, "restart", may_return=True, retry_after_s=3, jitter_s=0.5),
        Answer("authenticated", authenticated),
    ]


def test_messages_of_a_younger_server_are_passed_over():
    """A message of an unknown type that belongs to no channel is no reason to stop."""
    assert hear(subscribed(BOOKINGS), {"type": "greeting", "timestamp": "2026-01-02T03:04:05.000Z"}) == []


@pytest.mark.parametrize(
    "text", ["", "<html>", "[]", "3", '"status"', "{}", '{"type":"batch"}', '{"status":"subscribed"}', '{"type":"reset"}', b"\xff"]
)
def test_what_is_no_message_is_a_value_error(text):
    """Nothing that a server can send escapes as another error."""
    with pytest.raises(ValueError, match=r".*"):
        subscribed(BOOKINGS).receive(text)


connections = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 12), st.none() | st.integers(0, 5), st.booleans()), max_size=8)


@settings(deadline=None)
@given(st.integers(1, 20), connections)
def test_exactly_once_over_any_connections(total, breaks):
    """However connections break, whatever is sent again or left out, the application gets 1 to n, each once and in order."""
    session = subscribed(BOOKINGS)
    got: list[int] = []
    for back, count, lost, is_doubled in [*breaks, (0, total, None, False)]:
        position = session.positions[BOOKINGS].seq
        assert position == len(got)
        start = max(0, position - back)
        session.connected()
        hear(session, answer(BOOKINGS, seq=start, status="resumed", recovered=True))
        sent = list(range(start + 1, total + 1))[:count]
        arriving = [seq for index, seq in enumerate(sent) if index != lost for _ in range(1 + is_doubled)]
        got += [one.position.seq for seq in arriving for one in hear(session, event(seq)) if isinstance(one, Message)]
    assert got == list(range(1, total + 1))
