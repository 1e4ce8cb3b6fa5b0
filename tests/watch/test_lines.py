"""Lines for people and lines for programs."""

import io
import json
from datetime import UTC

import pytest

from rtdash.client import ConnectionChange, State
from rtdash.watch.lines import JsonLines, PlainLines, change_line, message_line
from rtdash.watch.stopping import InterruptibleWriter
from tests.watch.conftest import HOTEL, booking, coming, figures, notice, rooms

CHECKED_IN = booking(1, status="CheckedIn", change="check_in")
RESET = {
    "type": "reset",
    "timestamp": "2026-01-02T14:32:10.005Z",
    "channel": "hotel_reservations",
    "venue": HOTEL,
    "reason": "retention",
}


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            figures(),
            (
                "figures       24 reservations today (+12 %), 16 prepaid (-8 %), 78 guests expected"
                " (0 %), 45,000 pending (+5 %)"
            ),
        ),
        (
            figures(1),
            (
                "figures       1 reservation today (+12 %), 16 prepaid (-8 %), 78 guests expected"
                " (0 %), 45,000 pending (+5 %)"
            ),
        ),
        (rooms(), "rooms         35 of 50 free, 30 % occupied"),
        (booking(1), "new           John Smith, 4 guests, 24 Jan 7:00 PM, Confirmed, 120.50 EUR"),
        (CHECKED_IN, "checked in    John Smith, 4 guests, 24 Jan 7:00 PM, Checked in, 120.50 EUR"),
        (coming(), "upcoming      David Wilson, 3 guests, at 3:00 PM"),
        (notice(), "warning       Last room sold: no double is left for 3 January"),
        (
            RESET,
            "reset         history of hotel_reservations is gone (retention): reload what you keep",
        ),
        (
            {**RESET, "type": "upcoming_reservations", "reservations": [{}, {}]},
            "upcoming      2 reservations to come",
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_a_line_a_message(message, line):
    """Time, venue, what, facts."""
    assert message_line(message, UTC) == f"14:32:10  harbour-hotel     {line}"


def test_unknown_types_are_shown_as_they_are():
    """A younger server's message is a line too."""
    assert message_line({"type": "greeting", "text": "hi"}, UTC).endswith(
        'greeting      {"type":"greeting","text":"hi"}'
    )


def test_names_cannot_steer_the_terminal():
    """A guest's name with control characters is one harmless line."""
    line = message_line(booking(1, name="\x1b[31mEve\nconfirmed"), UTC)
    assert "\ufffd[31mEve\ufffdconfirmed" in line
    assert line.isprintable()


def test_changes_of_the_connection_for_people():
    """In words, with the reason and the next attempt."""
    change = ConnectionChange(State.CONNECTING, "the connection broke", 2.13)
    assert change_line(change) == "rtdash: connecting: the connection broke; next attempt in 2.1 s"
    assert change_line(ConnectionChange(State.POLLING)) == "rtdash: polling, not live"


def test_data_and_people_have_their_own_streams():
    """Messages go to stdout, changes of the connection to stderr."""
    out, err = io.StringIO(), io.StringIO()
    lines = PlainLines(InterruptibleWriter(out), err, zone=UTC)
    lines.receive(ConnectionChange(State.LIVE))
    lines.receive(rooms())
    assert err.getvalue() == "rtdash: live\n"
    assert out.getvalue().count("\n") == 1


def test_json_lines_are_the_messages():
    """Each line is the message as it came, to the byte; the connection's changes are lines of their
    own type.
    """
    out = io.StringIO()
    lines = JsonLines(InterruptibleWriter(out))
    lines.receive(ConnectionChange(State.CONNECTING, "the connection broke", 2.5))
    lines.receive(booking(1, name="Zoë\x1b[31m"))
    change, message = out.getvalue().splitlines()
    assert json.loads(change) == {
        "type": "connection",
        "state": "connecting",
        "detail": "the connection broke",
        "retryInMs": 2500,
    }
    assert message == json.dumps(
        booking(1, name="Zoë\x1b[31m"), ensure_ascii=False, separators=(",", ":")
    )


def test_what_ends_a_line_for_some_reader_is_escaped():
    """NDJSON is split at line ends, and Unicode has more of them than ASCII; equal as JSON."""
    out = io.StringIO()
    message = booking(1, name="a\u2028b\u2029c\x85d\x9be\u202ef\x7f")
    JsonLines(InterruptibleWriter(out)).receive(message)
    assert out.getvalue().isprintable() is False  # its own line end
    assert len(out.getvalue().splitlines()) == 1
    assert out.getvalue().removesuffix("\n").isprintable()
    assert json.loads(out.getvalue()) == message


def test_what_utf8_cannot_say_stays_escaped():
    """A lone surrogate in a name doesn't end the watch."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    JsonLines(InterruptibleWriter(out)).receive(booking(1, name="\ud800"))
    out.seek(0)
    assert json.loads(out.read()) == booking(1, name="\ud800")
