"""The fields of operations on the wire: how each is read and how OpenAPI shows it, in one table, so
that the two can't differ.

Read by hand and not by a model, because a list of 1,000 operations is read in one turn of the event
loop.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rtdash.domain.customers import is_visible, tidy_text
from rtdash.domain.mirroring import STATUSES
from rtdash.domain.money import to_minor
from rtdash.domain.payments import CATEGORY_LIMIT
from rtdash.domain.reservations import Status
from rtdash.domain.terms import RESERVATION_ID
from rtdash.domain.venues import Venue
from rtdash.server.rest.dates import parse_date, parse_microseconds, parse_time

MAX_GUESTS = 1_000
MAX_MINUTES = 1_440
MAX_VERSION = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8259 section 6)."""
MAX_AMOUNT = 1_000_000_000
"""Major units: a billion, below what the domain can hold in any currency."""

Parse = Callable[[Any, Venue], Any]

_OPERATION_ID = r"[\x21-\x7e]{1,200}"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, what Unicode calls a line end, and halves of characters."""


@dataclass(frozen=True, slots=True)
class Field:
    """`attribute` of the domain's Operation, how a JSON value becomes it (raises ValueError), and
    its JSON schema.
    """

    attribute: str
    parse: Parse
    schema: dict[str, Any]


def _text(max_chars: int) -> tuple[Parse, dict[str, Any]]:
    def parse(value: Any, _: Venue) -> str:
        if (
            isinstance(value, str)
            and 0 < len(value) <= max_chars
            and value.isascii()
            and value.isprintable()
            and not value.isspace()
        ):
            return " ".join(value.split())  # nearly every text: what follows finds nothing in it
        if (
            not isinstance(value, str)
            or not 0 < len(value) <= max_chars
            or _CONTROL.search(value)
            or not is_visible(value)
        ):
            raise ValueError(
                f"must be a string of 1 to {max_chars} characters, at least one of them visible, no"
                " control characters"
            )
        return tidy_text(value)

    return parse, {
        "type": "string",
        "minLength": 1,
        "maxLength": max_chars,
        "pattern": r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$",
    }


def _matching(pattern: str, words: str) -> tuple[Parse, dict[str, Any]]:
    compiled = re.compile(pattern)

    def parse(value: Any, _: Venue) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise ValueError(f"must be {words}")
        return value

    return parse, {"type": "string", "pattern": f"^{pattern}$"}


def _whole(least: int, most: int) -> tuple[Parse, dict[str, Any]]:
    def parse(value: Any, _: Venue) -> int:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not least <= value <= most
            or value % 1
        ):
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    return parse, {"type": "integer", "minimum": least, "maximum": most}


def _money() -> tuple[Parse, dict[str, Any]]:
    def parse(value: Any, venue: Venue) -> int:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 <= value <= MAX_AMOUNT
        ):
            raise ValueError(
                f"must be a number from 0 to {MAX_AMOUNT}, in major units of the venue's currency"
            )
        return to_minor(value, venue.currency)

    description = (
        "In major units of the venue's currency, with no more digits behind the point than it has."
    )
    return parse, {
        "type": "number",
        "minimum": 0,
        "maximum": MAX_AMOUNT,
        "description": description,
    }


def _date() -> tuple[Parse, dict[str, Any]]:
    return lambda value, _: parse_date(value), {
        "type": "string",
        "format": "date",
        "description": "Local date at the venue.",
    }


def _instant(description: str) -> tuple[Parse, dict[str, Any]]:
    return lambda value, _: parse_time(value), {
        "type": "string",
        "format": "date-time",
        "description": description,
    }


def _source_version() -> tuple[Parse, dict[str, Any]]:
    def parse(value: Any, _: Venue) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_VERSION:
            return value
        try:
            return parse_microseconds(value)
        except ValueError:
            raise ValueError(
                "must be a whole number that counts up, or the instant of the change in the"
                " source, as in 2026-01-31T19:00:00Z"
            ) from None

    return parse, {
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": MAX_VERSION},
            {"type": "string", "format": "date-time"},
        ],
        "description": "Counts up with each change in the source: a number, or its instant.",
    }


def _any_status() -> tuple[Parse, dict[str, Any]]:
    names = {status.value: status for status in Status}

    def parse(value: Any, venue: Venue) -> Status:
        status = names.get(value) if isinstance(value, str) else None
        if status not in STATUSES[venue.kind]:
            raise ValueError(f"must be one of {', '.join(STATUSES[venue.kind])}")
        return status

    return parse, {"type": "string", "enum": list(names)}


def _first_status() -> tuple[Parse, dict[str, Any]]:
    allowed = {status.value: status for status in (Status.CONFIRMED, Status.PENDING)}

    def parse(value: Any, _: Venue) -> Status:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(f"must be {' or '.join(allowed)}; later statuses come by operations")
        return allowed[value]

    return parse, {"type": "string", "enum": list(allowed)}


ANY_STATUS = Field("status", *_any_status())
"""`status` of a `put`."""

FIELDS: dict[str, Field] = {
    "operationId": Field(
        "operation_id",
        *_matching(_OPERATION_ID, "1 to 200 printable ASCII characters without blanks"),
    ),
    "reservationId": Field(
        "reservation_id",
        *_matching(
            RESERVATION_ID.pattern,
            "1 to 64 of letters, digits and . _ ~ -, a letter or digit first",
        ),
    ),
    "at": Field(
        "at", *_instant("An instant in the past, to load history; needs the scope `admin`.")
    ),
    "customerName": Field("customer_name", *_text(200)),
    "customerEmail": Field("customer_email", *_text(254)),
    "customerPhone": Field("customer_phone", *_text(40)),
    "guests": Field("guests", *_whole(1, MAX_GUESTS)),
    "source": Field("source", *_text(64)),
    "amount": Field("amount_minor", *_money()),
    "paid": Field("paid_minor", *_money()),
    "status": Field("status", *_first_status()),
    "roomType": Field("room_type", *_text(64)),
    "checkIn": Field("check_in", *_date()),
    "checkOut": Field("check_out", *_date()),
    "date": Field("start", *_instant("When the table is taken.")),
    "durationMinutes": Field("duration_minutes", *_whole(1, MAX_MINUTES)),
    "category": Field("category", *_text(CATEGORY_LIMIT)),
    "sourceVersion": Field("source_version", *_source_version()),
}
"""By the wire's name. `op`, `kind` and `venue` are read beside them, since they decide what the
rest may be."""
