"""The log: one line a fact, facts as fields, no secrets."""

import json
import logging

import pytest

from rtdash.server.logs import (
    JsonFormatter,
    TextLines,
    facts,
    redact,
    shorten_lost_connection,
)

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl"


def record(
    message: str, *arguments: object, exc_info: object = None, **named: object
) -> logging.LogRecord:
    made = logging.LogRecord(
        "rtdash.server.x", logging.WARNING, "x.py", 1, message, arguments, exc_info
    )  # type: ignore[arg-type]
    made.__dict__ |= facts(**named)
    return made


def raised(text: str) -> object:
    error = ValueError(text)
    return ValueError, error, error.__traceback__


def test_text_names_its_facts() -> None:
    """Behind the message, each as name=value, in quotes where it has blanks; what is None isn't
    there.
    """
    line = TextLines().format(
        record("closed: %s", "slow", connection=7, session="abc", user="Ann Guest", code=None)
    )
    assert line.endswith(
        'Z WARNING rtdash.server.x: closed: slow connection=7 session=abc user="Ann Guest"'
    )


def test_json_is_one_object_a_line() -> None:
    """With the facts as fields of it, and a traceback too."""
    line = JsonFormatter().format(record("it\nfailed", connection=7, exc_info=raised("a\nb")))
    told = json.loads(line)
    assert "\n" not in line
    assert (told["level"], told["logger"], told["message"], told["connection"]) == (
        "warning",
        "rtdash.server.x",
        "it\nfailed",
        7,
    )
    assert "ValueError" in told["traceback"]


def test_a_lost_connection_is_a_line_without_a_traceback() -> None:
    """SQLAlchemy logs it when the connection comes back to the pool; other faults keep theirs."""
    lost = record("Exception during %s", "reset", exc_info=raised("the connection is closed"))
    lost.name = "sqlalchemy.pool.impl.QueuePool"
    assert shorten_lost_connection(lost)
    line = TextLines().format(lost)
    assert line.endswith(
        "WARNING sqlalchemy.pool.impl.QueuePool: Exception during reset: the connection is closed"
    )
    fault = record("it failed", exc_info=raised("a"))
    assert shorten_lost_connection(fault)
    assert "ValueError" in TextLines().format(fault)


def test_nobody_forges_a_line() -> None:
    """Line ends that a client chose don't begin another line."""
    line = TextLines().format(
        record("GET %s", "/x\r\n2026-01-01 ERROR forged\u2028more", user="a\nb")
    )
    assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    "text",
    [
        f"GET /ws?token={TOKEN}&x=1",
        f"Authorization: Bearer {TOKEN}",
        f"bearer.{TOKEN}",
        f"[{TOKEN!r}]",
        "?token=opaque-c2lnbmF0dXJl",
        "authorization: bearer opaque-c2lnbmF0dXJl",
        "redis://user:c2lnbmF0dXJl@host:6379/0",
        "amqp://:c2lnbmF0dXJl@host",
    ],
)
@pytest.mark.parametrize("lines", [TextLines(), JsonFormatter()], ids=["text", "json"])
def test_secrets_dont_pass(lines: logging.Formatter, text: str) -> None:
    """Wherever they come from: a message, a fact or a traceback."""
    line = lines.format(record("failed: %s", text, where=text, exc_info=raised(text)))
    assert "c2lnbmF0dXJl" not in line
    assert "failed" in line


def test_what_is_no_secret_stays() -> None:
    """Addresses, paths and times are left alone."""
    text = "GET http://host:8000/api/x?venue=a at 2026-01-01T10:00:00Z took 3 ms, 50 tokens"
    assert redact(text) == text
