"""The server's side of a conversation, fed with what clients should not say: it answers everything,
and keeps to its own rules.
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdash.protocol.actions import ACTIONS, Authenticate, Ping, Resume, Subscribe, Unsubscribe
from rtdash.protocol.channels import Channel
from rtdash.protocol.codes import CloseCode, ErrorCode
from rtdash.protocol.server_session import ERRORS_A_MINUTE, ErrorReply, Rates, ServerSession
from tests.conftest import FULL

EXAMPLES = 10_000 if FULL else 150
"""Of about 25 frames each: 250,000 inputs in the long form."""

_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
_JSON = st.recursive(
    _LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_CHANNELS = st.lists(st.sampled_from([*Channel, "nonsense", "", 1, None]), max_size=6) | _JSON
_POSITION = (
    st.fixed_dictionaries(
        {},
        optional={"epoch": st.text(max_size=4) | _LEAVES, "seq": st.integers(-2, 2**60) | _LEAVES},
    )
    | _JSON
)
_POSITIONS = st.dictionaries(st.sampled_from([*Channel, "x"]), _POSITION, max_size=3) | _JSON
_NEARLY = st.fixed_dictionaries(
    {"action": st.sampled_from([*ACTIONS, "dance"]) | _JSON},
    optional={
        "id": _JSON,
        "channels": _CHANNELS,
        "venue": st.text(max_size=5) | _JSON,
        "positions": _POSITIONS | st.dictionaries(st.text(max_size=5), _POSITIONS, max_size=2),
        "batch": st.integers(-1, 2000) | _JSON,
        "session": st.text(max_size=5) | _JSON,
        "token": st.text(max_size=5) | _JSON,
    },
)


@st.composite
def _torn(draw: st.DrawFn) -> str:
    """A message that has lost a piece."""
    text = json.dumps(draw(_NEARLY))
    start = draw(st.integers(0, len(text)))
    return text[:start] + text[start + draw(st.integers(0, 5)) :]


_TEXTS = st.one_of(
    _NEARLY.map(json.dumps),
    _JSON.map(json.dumps),
    _torn(),
    st.text(max_size=40),
    st.just("[" * 5000),
    st.just('{"a":' * 3000),
)
_STEPS = st.lists(st.tuples(_TEXTS | st.none(), st.floats(0, 5)), min_size=5, max_size=45)


@pytest.mark.timeout(600)
@settings(max_examples=EXAMPLES)
@given(_STEPS)
def test_everything_that_is_said_is_answered_by_the_rules(
    steps: list[tuple[str | None, float]],
) -> None:
    """An action of the protocol or an error with a known code; the eleventh error within a minute,
    and no earlier one, closes.
    """
    session, now, errors = ServerSession(Rates(10, 20), 0.0), 0.0, []
    for text, pause_s in steps:
        now += pause_s
        said: Any = session.frame_received(now) if text is None else session.receive(text, now)
        if said is None:
            continue
        if not isinstance(said, ErrorReply):
            assert isinstance(said, Subscribe | Unsubscribe | Resume | Authenticate | Ping)
            continue
        errors.append(now)
        body = json.loads(said.body)
        code = ErrorCode(body["code"])
        assert body["status"] == "error"
        assert body["temporary"] is code.temporary
        assert (body.get("retryAfterMs", 0) > 0) == (code is ErrorCode.RATE_LIMITED)
        assert len(said.body) < 4096, "an error must not be a way to make the server talk much"
        recent = sum(now - at < 60 for at in errors[-ERRORS_A_MINUTE - 1 :])
        assert (said.close is not None) == (recent > ERRORS_A_MINUTE)
        assert said.close in {None, CloseCode.RATE_LIMITED, CloseCode.PROTOCOL_VIOLATION}
