"""What the server makes of a client's frames."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.protocol.actions import (
    ActionRefused,
    Authenticate,
    Ping,
    Resume,
    Subscribe,
    Unsubscribe,
)
from rtdash.protocol.channels import Channel, Position
from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.protocol.server_session import ErrorReply, Rates, ServerSession

FREE = Rates(0, 1)
FROM = (
    '{"action":"subscribe","channels":["hotel_reservations"],"positions":{"hotel_reservations":%s}}'
)


def read(message: Any) -> Any:
    return ServerSession(FREE, 0.0).receive(
        message if isinstance(message, str) else json.dumps(message), 0.0
    )


def refusal(message: Any) -> dict[str, Any]:
    reply = read(message)
    assert isinstance(reply, ErrorReply), reply
    body: dict[str, Any] = json.loads(reply.body)
    return body


def test_subscribe_carries_everything_that_was_asked() -> None:
    """Channels, venue, positions, batch and id of a subscribe arrive typed."""
    asked = {
        "action": "subscribe",
        "id": 7,
        "channels": ["hotel_stats", "hotel_reservations"],
        "venue": "harbour-hotel",
        "positions": {"hotel_reservations": {"epoch": "e1", "seq": 3}},
        "batch": 50,
    }
    channels = (Channel.HOTEL_STATS, Channel.HOTEL_RESERVATIONS)
    assert read(asked) == Subscribe(
        7, channels, "harbour-hotel", {Channel.HOTEL_RESERVATIONS: Position("e1", 3)}, 50
    )


def test_the_documents_subscribe_is_enough() -> None:
    """The requirements' message, with nothing beside it, is understood."""
    assert read({"action": "subscribe", "channels": ["hotel_stats"]}) == Subscribe(
        None, (Channel.HOTEL_STATS,), None, {}, 0
    )


def test_the_other_actions_are_read() -> None:
    """unsubscribe, resume, authenticate and ping become their actions."""
    assert read({"action": "unsubscribe", "channels": ["hotel_stats"]}) == Unsubscribe(
        None, (Channel.HOTEL_STATS,), None
    )
    positions = {"v": {"hotel_notifications": {"epoch": "e", "seq": 0}}}
    assert read({"action": "resume", "session": "s", "positions": positions}) == Resume(
        None, "s", {"v": {Channel.HOTEL_NOTIFICATIONS: Position("e", 0)}}
    )
    assert read({"action": "authenticate", "token": "t", "id": "a"}) == Authenticate("a", "t")
    assert read({"action": "ping"}) == Ping(None)


def test_a_position_of_a_state_channel_is_left_out() -> None:
    """State channels have no history: a position given for one is not kept."""
    action = read(
        {
            "action": "subscribe",
            "channels": ["hotel_stats"],
            "positions": {"hotel_stats": {"epoch": "e", "seq": 1}},
        }
    )
    assert action.positions == {}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "bad_json"),
        ("[]", "bad_json"),
        ("null", "bad_json"),
        ('{"action":NaN}', "bad_json"),
        ("[" * 15_000, "bad_json"),
        ('{"action":"ping","id":"\\ud800"}', "bad_json"),
        ("{}", "unknown_action"),
        ('{"action":5}', "unknown_action"),
        ('{"action":"dance"}', "unknown_action"),
        ('{"action":"ping","id":{}}', "bad_request"),
        ('{"action":"ping","id":true}', "bad_request"),
        ('{"action":"ping","id":1e999}', "bad_request"),
        ('{"action":"subscribe"}', "bad_request"),
        ('{"action":"subscribe","channels":[]}', "bad_request"),
        ('{"action":"subscribe","channels":"hotel_stats"}', "bad_request"),
        ('{"action":"subscribe","channels":[1]}', "bad_request"),
        ('{"action":"subscribe","channels":["hotel_stat"]}', "unknown_channel"),
        ('{"action":"subscribe","channels":["hotel_stats"],"venue":5}', "bad_request"),
        ('{"action":"subscribe","channels":["hotel_stats"],"venue":""}', "bad_request"),
        ('{"action":"subscribe","channels":["hotel_stats"],"batch":0}', "bad_request"),
        ('{"action":"subscribe","channels":["hotel_stats"],"batch":1001}', "bad_request"),
        ('{"action":"subscribe","channels":["hotel_stats"],"batch":true}', "bad_request"),
        ('{"action":"subscribe","channels":["hotel_stats"],"positions":[]}', "bad_request"),
        (FROM % "5", "bad_request"),
        (FROM % '{"epoch":"e","seq":-1}', "bad_request"),
        (FROM % '{"epoch":"e","seq":true}', "bad_request"),
        (FROM % '{"epoch":"e","seq":1e400}', "bad_request"),
        (
            '{"action":"subscribe","channels":["hotel_stats"],"positions":{"nope":{"epoch":"e","seq":1}}}',
            "unknown_channel",
        ),
        ('{"action":"resume"}', "bad_request"),
        ('{"action":"resume","session":"s","positions":{"v":5}}', "bad_request"),
        ('{"action":"authenticate"}', "bad_request"),
        ('{"action":"authenticate","token":5}', "bad_request"),
    ],
)
def test_what_is_wrong_is_refused_with_its_code(frame: str, code: str) -> None:
    """Each kind of bad message has its code, and a message that says something."""
    refused = refusal(frame)
    assert refused["code"] == code
    assert len(refused["message"]) > 20


def test_a_refusal_has_the_contracts_fields_in_order() -> None:
    """status, code, message, action, channels, id, temporary: nothing else."""
    refused = refusal({"action": "subscribe", "channels": ["hotel_stats", "x", "y"], "id": "q"})
    assert list(refused) == ["status", "code", "message", "action", "channels", "id", "temporary"]
    assert (refused["action"], refused["channels"], refused["id"], refused["temporary"]) == (
        "subscribe",
        ["x", "y"],
        "q",
        False,
    )


def test_a_refusal_never_shows_a_token() -> None:
    """What follows `token` in a bad authenticate doesn't come back, and the action's text hides
    it.
    """
    assert "s3cret" not in json.dumps(refusal({"action": "authenticate", "token": ["s3cret"]}))
    assert "s3cret" not in repr(read({"action": "authenticate", "token": "s3cret"}))


def test_frames_beyond_the_burst_are_ignored_and_told() -> None:
    """A frame over the rate gets rate_limited with its action, its id, and the time after which it
    would have passed.
    """
    session = ServerSession(Rates(20, 2), 0.0)
    assert session.receive('{"action":"ping"}', 0.0) == Ping(None)
    assert session.frame_received(0.0) is None
    refused = session.receive('{"action":"ping","id":3}', 0.0)
    assert isinstance(refused, ErrorReply)
    body = json.loads(refused.body)
    assert (body["code"], body["action"], body["id"], body["retryAfterMs"], body["temporary"]) == (
        "rate_limited",
        "ping",
        3,
        50,
        True,
    )


def test_the_rate_refills_as_set() -> None:
    """After the burst, exactly `per_second` frames pass in each second, for long."""
    session = ServerSession(Rates(20, 40), 0.0)
    passed = sum(session.frame_received(step / 100) is None for step in range(1000))
    assert passed == pytest.approx(40 + 20 * 10, abs=1)


def test_a_dry_run_only_counts() -> None:
    """With dry_run an excess is counted and let through."""
    told: list[int] = []
    session = ServerSession(Rates(1, 1, dry_run=True, on_excess=lambda: told.append(1)), 0.0)
    assert [session.receive('{"action":"ping"}', 0.0) for _ in range(3)] == [Ping(None)] * 3
    assert len(told) == 2


def closes(frames: list[tuple[float, str]], rates: Rates = FREE) -> list[CloseCode | None]:
    session = ServerSession(rates, 0.0)
    replies = [session.receive(frame, now) for now, frame in frames]
    return [reply.close for reply in replies if isinstance(reply, ErrorReply)]


def test_the_eleventh_error_within_a_minute_closes() -> None:
    """Ten errors are answered; the eleventh closes as a protocol violation."""
    assert closes([(number, "{}") for number in range(11)]) == [None] * 10 + [
        CloseCode.PROTOCOL_VIOLATION
    ]


@pytest.mark.parametrize("code", [ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL])
def test_faults_of_the_server_let_the_client_come_back(code: ErrorCode) -> None:
    """Eleven answers that the store is lost close with the code for too many messages: 4502 would
    send the client away for good.
    """
    session = ServerSession(FREE, 0.0)
    replies = [
        session.refuse(ActionRefused(code, "the store is lost"), float(number))
        for number in range(11)
    ]
    assert [reply.close for reply in replies] == [None] * 10 + [CloseCode.RATE_LIMITED]


def test_errors_of_more_than_a_minute_ago_are_forgotten() -> None:
    """Eleven errors that take longer than a minute close nothing."""
    assert closes([(6.1 * number, "{}") for number in range(50)]) == [None] * 50


def test_eleven_frames_over_the_rate_close_as_rate_limited() -> None:
    """A client that was only too fast is closed with a code that lets it come back."""
    assert closes([(0.0, '{"action":"ping"}')] * 12, Rates(1, 1)) == [None] * 10 + [
        CloseCode.RATE_LIMITED
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "action",
                        "id",
                        "channels",
                        "positions",
                        "venue",
                        "batch",
                        "hotel_stats",
                        "seq",
                        "epoch",
                    ]
                )
                | st.text(),
                inner,
            )
        ),
    )
)
def test_no_json_breaks_the_session(body: Any) -> None:
    """Whatever JSON comes, there is an action or an error that can be sent."""
    reply = read(json.dumps(body))
    if isinstance(reply, ErrorReply):
        json.loads(reply.body)


@given(st.text())
def test_no_text_breaks_the_session(text: str) -> None:
    """Whatever text comes, there is an action or an error that can be sent."""
    read(text)


@pytest.mark.parametrize(
    "beside",
    [
        {"venue": "v"},
        {"venue": "v" * 256},
        {"batch": 1},
        {"batch": 1000},
        {"positions": {"hotel_reservations": {"epoch": "e" * 256, "seq": 2**53 - 1}}},
        {"positions": {"hotel_reservations": {"epoch": "e", "seq": 0}}},
    ],
)
def test_the_bounds_themselves_are_allowed(beside: dict[str, Any]) -> None:
    """The shortest, the longest, the least and the most of each field."""
    asked = {"action": "subscribe", "channels": ["hotel_reservations"], **beside}
    assert isinstance(read(asked), Subscribe)


@pytest.mark.parametrize(
    "beside",
    [
        {"venue": ""},
        {"venue": "v" * 257},
        {"batch": 0},
        {"batch": 1001},
        {"positions": {"hotel_reservations": {"epoch": "", "seq": 1}}},
        {"positions": {"hotel_reservations": {"epoch": "e" * 257, "seq": 1}}},
        {"positions": {"hotel_reservations": {"epoch": "e", "seq": 2**53}}},
        {"positions": {"hotel_reservations": {"epoch": "e", "seq": -1}}},
    ],
)
def test_what_is_just_beyond_a_bound_is_refused(beside: dict[str, Any]) -> None:
    """With `bad_request`, and the field in its words."""
    body = refusal({"action": "subscribe", "channels": ["hotel_reservations"], **beside})
    assert body["code"] == "bad_request"
    assert next(iter(beside)).removesuffix("s") in body["message"]


@pytest.mark.parametrize("session", ["", "s" * 10_000, "a\x00b", 7, None])
def test_a_session_is_a_short_string(session: Any) -> None:
    """Neither empty nor endless, and without a NUL, which PostgreSQL does not store."""
    assert refusal({"action": "resume", "session": session})["code"] == "bad_request"


def test_an_unknown_channel_of_positions_is_named() -> None:
    """With where it stands, the ones there are, and by itself for programs."""
    asked = {"action": "resume", "session": "s", "positions": {"v": {"hotel": {}}}}
    body = refusal(asked)
    assert (body["code"], body["channels"]) == ("unknown_channel", ["hotel"])
    assert "positions of 'v'" in body["message"]
    assert "hotel_stats, " in body["message"]
