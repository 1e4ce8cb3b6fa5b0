"""The client's rules, without a connection."""

import pytest

from rtdash.protocol.channels import Position
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.received import (
    Answer,
    Disconnect,
    Gap,
    Message,
    Refused,
    Subscribed,
    TokenExpiring,
)
from tests.protocol.talk import (
    BOOKINGS,
    FIGURES,
    GRILL,
    NOTES,
    answer,
    event,
    hear,
    say,
    subscribed,
)


def test_first_request_is_the_documents():
    """Plain channels are asked for with nothing but the document's two fields."""
    session = ClientSession(["hotel_stats", "hotel_reservations"])
    session.connected()
    assert say(session) == [
        {"action": "subscribe", "channels": ["hotel_stats", "hotel_reservations"]}
    ]
    assert say(session) == []
    assert not session.is_subscribed


def test_requests_by_venue():
    """Streams of several venues are asked for in one request a venue, with their positions and the
    batch window.
    """
    session = ClientSession(
        [BOOKINGS, GRILL, NOTES], positions={GRILL: Position("e", 3)}, batch_ms=20
    )
    session.connected()
    hotel, grill = say(session)
    assert hotel == {
        "action": "subscribe",
        "channels": [BOOKINGS.channel, NOTES.channel],
        "venue": "harbour-hotel",
        "batch": 20,
    }
    assert grill["positions"] == {"restaurant_reservations": {"epoch": "e", "seq": 3}}
    hear(session, answer(BOOKINGS, NOTES))
    assert not session.is_subscribed
    hear(session, answer(GRILL, seq=3, recovered=True))
    assert session.is_subscribed


def test_default_venue_is_the_servers_to_place():
    """`venue` goes along for its kind; the channels of the other kind come from where the server
    says.
    """
    session = ClientSession(
        ["hotel_reservations", "restaurant_reservations"], venue="harbour-hotel"
    )
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
    assert [
        message.position.seq
        for message in hear(session, event(1), event(2), event(1), event(2), event(3))
    ] == [1, 2, 3]
    assert session.duplicates == 2


def test_gap_keeps_the_position():
    """After a gap the position stays, so that the next connection asks for what is missing."""
    session = subscribed(BOOKINGS)
    assert hear(session, event(1), event(3)) == [
        Message(event(1), BOOKINGS, Position("e", 1)),
        Gap(BOOKINGS, Position("e", 1), 3),
    ]
    session.connected()
    assert say(session)[0]["positions"]["harbour-hotel"]["hotel_reservations"]["seq"] == 1


def test_what_lies_behind_a_gap_in_a_batch_is_not_received():
    """The connection ends with the gap: an event behind it, of whatever stream, is to come again on
    the next one.
    """
    session = subscribed(BOOKINGS, NOTES)
    batch = {"type": "batch", "messages": [event(1), event(3), event(1, NOTES)]}
    assert hear(session, batch) == [
        Message(event(1), BOOKINGS, Position("e", 1)),
        Gap(BOOKINGS, Position("e", 1), 3),
    ]
    assert session.positions[NOTES].seq == 0


def test_streams_are_counted_apart():
    """Channels and venues have their own seqs."""
    session = subscribed(BOOKINGS, NOTES)
    received = hear(session, event(1), event(1, NOTES), event(2), event(2, NOTES))
    assert [type(one) for one in received] == [Message] * 4


def test_state_messages_pass():
    """State messages have no position, and none is missing between them."""
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
    batch = {
        "type": "batch",
        "messages": [event(1), event(2), {"type": "token_expiring", "expiresAt": "soon"}],
    }
    received = hear(session, batch)
    assert [type(one) for one in received] == [Message, Message, TokenExpiring]


def test_errors_disconnects_and_other_answers():
    """Each is returned with what the client needs to act on it."""
    session = subscribed(BOOKINGS)
    error = {
        "status": "error",
        "code": "rate_limited",
        "message": "slow down",
        "action": "ping",
        "temporary": True,
        "retryAfterMs": 1500,
    }
    farewell = {
        "type": "disconnect",
        "code": 1012,
        "reason": "restart",
        "reconnect": True,
        "retryAfterMs": 3000,
        "jitterMs": 500,
    }
    authenticated = {"status": "authenticated", "expiresAt": "later"}
    assert hear(session, error, farewell, authenticated) == [
        Refused("rate_limited", "slow down", "ping", (), is_temporary=True, retry_after_s=1.5),
        Disconnect(1012, "restart", may_return=True, retry_after_s=3, jitter_s=0.5),
        Answer("authenticated", authenticated),
    ]


def test_messages_of_a_younger_server_are_passed_over():
    """A message of an unknown type that belongs to no channel is no reason to stop."""
    assert (
        hear(subscribed(BOOKINGS), {"type": "greeting", "timestamp": "2026-01-02T03:04:05.000Z"})
        == []
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        "[]",
        "3",
        '"status"',
        "{}",
        '{"type":"batch"}',
        '{"status":"subscribed"}',
        '{"type":"reset"}',
        b"\xff",
        "[" * 100_000,
        '{"type":"batch","messages":[' * 900 + "]}" * 900,
        '{"type":"disconnect","code":1e400}',
        '{"type":"disconnect","code":NaN}',
        '{"type":"stats_update","channel":[],"venue":"x","seq":1}',
        '{"type":"new_reservation","channel":"restaurant_reservations","venue":"x","seq":"1"}',
    ],
    ids=lambda text: str(text)[:40],
)
def test_what_is_no_message_is_a_value_error(text):
    """Nothing that a server can send escapes as another error."""
    with pytest.raises(ValueError, match=r".*"):
        subscribed(BOOKINGS).receive(text)


def test_without_a_connection_nothing_is_subscribed():
    """However it was before: a lost connection has no streams, and no replay under way."""
    session = subscribed(BOOKINGS)
    assert session.is_subscribed
    session.disconnected()
    assert not session.is_subscribed
    assert not session.is_replaying
