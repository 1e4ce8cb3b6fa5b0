"""The server's log: one line a fact, as text for people or as JSON for machines. No secret passes,
wherever a message has it from.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from rtdash.server.log_writer import LogWriter

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

_OURS = "rtdash"
_TOKEN = re.compile(r"eyJ[\w-]{5,}\.[\w-]*\.?[\w-]*")
"""A JSON object in base64url, with what follows it: every JWT begins so (RFC 7519 section 3)."""
_QUERY = re.compile(
    r"""(?ix) ([?&] [\w.-]* (?:token|session|passw(?:or)?d|secret|api[_-]?key|passphrase) [\w.-]* =)
    [^&\s"']+"""
)
_CONNINFO = re.compile(r"""(?i)(\b\w*password\s*=\s*)(?:'[^']*'|[^&\s"',;)]+)""")
"""A password in libpq's form `host=… password=…`, which drivers repeat in their errors."""
_BEARER = re.compile(r"(?i)\bbearer[ .][^\s\"',]+")
_USERINFO = re.compile(r"""(://[^/@:\s]*):[^\s"'<>]*@""")
"""User and password of a URL. A password may hold `/` and `@` although it should be quoted."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def set_up(form: Format, level: Level) -> None:
    """Log to stderr from now on: our own lines from `level` on, other libraries' from WARNING on,
    since some log heads and URLs below.
    """
    handler = _handler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextLines())
    handler.addFilter(shorten_lost_connection)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(_OURS).setLevel(level.upper())


def shorten_lost_connection(record: logging.LogRecord) -> bool:
    """Make one line of SQLAlchemy's traceback about a connection that can't be given back: the
    request that lost it says so anyway.
    """
    if record.name.startswith("sqlalchemy.pool") and record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]}", ()
        record.exc_info, record.levelno, record.levelname = None, logging.WARNING, "WARNING"
    return True


def flush() -> None:
    """Wait, a second at most, until what was logged stands in the stream: before a line that is
    written to it directly.
    """
    for handler in logging.getLogger().handlers:
        handler.flush()


def _handler() -> logging.Handler:
    try:
        return LogWriter(sys.stderr.fileno())
    except (AttributeError, OSError, ValueError):  # not a file, e.g. where a test captures it
        return logging.StreamHandler(sys.stderr)


def facts(**named: Any) -> dict[str, Mapping[str, Any]]:
    """Return the facts of a line, for `extra=`; None is left out. In both forms the names stay
    fields of their own.
    """
    return {"facts": {name: value for name, value in named.items() if value is not None}}


class TextLines(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO rtdash.server.ws.connection: closed connection=7
    code=4001`; a traceback follows on lines of its own.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        named = "".join(f" {name}={_word(value)}" for name, value in _facts(record).items())
        line = _one_line(
            f"{_instant(record)} {record.levelname} {record.name}: {record.getMessage()}{named}"
        )
        return "\n".join([line, *([redact(trace)] if (trace := _traceback(record)) else [])])


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `process`, `message`, the facts, and
    `traceback` where there is one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "at": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": os.getpid(),
            "message": record.getMessage(),
            **_facts(record),
        }
        if trace := _traceback(record):
            line["traceback"] = trace
        return json.dumps(
            {
                name: redact(value) if isinstance(value, str) else value
                for name, value in line.items()
            },
            default=str,
        )


def redact(text: str) -> str:
    """Return the text without tokens, passwords in URLs, and secrets in queries."""
    text = _TOKEN.sub("[token]", text)
    text = _USERINFO.sub(r"\1:***@", text)
    text = _QUERY.sub(r"\1***", text)
    text = _CONNINFO.sub(r"\1***", text)
    return _BEARER.sub("Bearer ***", text)


def _one_line(text: str) -> str:
    """Escapes of line ends: text that clients chose may not begin a line of its own (CWE-117)."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", redact(text))


def _facts(record: logging.LogRecord) -> Mapping[str, Any]:
    facts: Mapping[str, Any] = getattr(record, "facts", {})
    return facts


def _word(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if not text or re.search(r"[\s\"=]", text) else text


def _instant(record: logging.LogRecord) -> str:
    return (
        datetime.fromtimestamp(record.created, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def _traceback(record: logging.LogRecord) -> str:
    return (
        logging.Formatter().formatException(record.exc_info)
        if record.exc_info and record.exc_info[0]
        else ""
    )
