"""Foreign text in a terminal and in lines of JSON."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.domain.printable import json_document, json_line, printable

ANY_TEXT = st.text(st.characters(codec=None))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë 山田", "Zoë 山田"),
        ("👩\u200d🍳", "👩\u200d🍳"),
        ("\x1b]0;owned\x07", "\ufffd]0;owned\ufffd"),
        ("\x9b31m", "\ufffd31m"),
        ("a\u202eb", "a\ufffdb"),
        ("a\u2028b\nc", "a\ufffdb\ufffdc"),
        ("a\u200bb\u061c", "a\ufffdb\ufffd"),
        ("\ud800", "\ufffd"),
    ],
)
def test_printable(text, shown):
    """Words and emoji stay; what controls a terminal, hides or turns text is shown as such."""
    assert printable(text) == shown


@given(ANY_TEXT)
def test_printable_is_one_harmless_line(text):
    """Whatever comes in."""
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} for one in shown)
    shown.encode()


@given(st.dictionaries(ANY_TEXT, ANY_TEXT))
def test_json_is_equal_and_harmless(body):
    """Escaped characters are the same JSON; a line stays a line for every reader."""
    line = json_line(body)
    assert json.loads(line) == body
    assert len(line.splitlines()) == 1
    line.encode()
    assert json.loads(json_document(body)) == body
    assert not any(
        unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"} and one != "\n"
        for one in json_document(body)
    )
