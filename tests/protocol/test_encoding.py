"""Messages as bytes: what is sent can be read, and what JSON can't say is refused on both ways."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.protocol.messages import decode, encode


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_what_is_encoded_can_be_decoded(message: dict[str, Any]) -> None:
    """Compact UTF-8 without a line break, and the same again."""
    body = encode(message)
    assert b"\n" not in body
    assert decode(body) == decode(body.decode()) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "[1]",
        '"text"',
        "null",
        "1",
        '{"a":NaN}',
        '{"a":-Infinity}',
        b"\xff{}",
        b'{"a":"\xed\xa0\x80"}',
        '{"a":' + "[" * 100_000,
    ],
)
def test_what_is_no_json_object_is_refused(text: str | bytes) -> None:
    """One kind of error for all that a peer can send wrong."""
    with pytest.raises(ValueError):  # noqa: PT011
        decode(text)


def test_a_guest_may_be_called_what_json_cannot_say() -> None:
    """The words are no numbers."""
    assert (
        encode({"customerName": "NaN Infinity", "amount": 0.5})
        == b'{"customerName":"NaN Infinity","amount":0.5}'
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), "\ud800"])
def test_what_json_cannot_say_is_never_sent(value: Any) -> None:
    """A fault of ours shows where it is made, not at the client."""
    with pytest.raises(ValueError):  # noqa: PT011
        encode({"value": value})
