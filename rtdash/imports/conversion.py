"""One record becomes one `put`, or an error that names the column and says why."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from rtdash.domain.availability import MAX_NIGHTS
from rtdash.domain.mirroring import STATUSES
from rtdash.domain.terms import RESERVATION_ID
from rtdash.domain.venues import VenueKind
from rtdash.imports.maps import LINE, TEMPLATE, ImportMap, Source
from rtdash.imports.readers import at_path
from rtdash.imports.rows import RowError, SourceRow
from rtdash.imports.values import Unreadable, in_zone, parse_day, parse_moment, parse_number

_GUARDED = re.compile(r'="([^"]*)"')
"""A text as spreadsheets write it so that they leave it alone."""
_EMPTY = frozenset({"", "null", "NULL", "NA", "N/A", "n/a"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_VERSION = 2**53 - 1
_HALF = re.compile("[\ud800-\udfff]")
"""Half of a character in UTF-16: JSON can write one alone, and no store takes it."""


def convert(
    row: SourceRow,
    mapping: ImportMap,
    *,
    venue: str | None = None,
    zones: Mapping[str, str] | None = None,
    file_version: int | None = None,
) -> dict[str, Any] | RowError:
    """Return the operation of a record, as `POST /api/operations` takes it.

    `venue` is used where the map names none; `zones` are the venues' time zones by id, for local
    times where the map has no zone; `file_version` stands for a `sourceVersion` that the map
    leaves out (microseconds since 1970 of the file's last change).
    """
    reader = _RowReader(row, mapping, zones or {})
    try:
        body = reader.terms(venue)
        body["sourceVersion"] = reader.version(file_version)
        reader.add_dates(body)
    except Unreadable as wrong:
        return RowError(row.line, reader.column, str(wrong))
    content = json.dumps(body, sort_keys=True).encode()
    return {
        "operationId": f"put-{hashlib.sha256(content).hexdigest()[:32]}",
        "op": "put",
        "kind": mapping.kind,
        **body,
    }


class _RowReader:
    """The fields of one record, each checked as it is read; `column` is the one being read."""

    def __init__(self, row: SourceRow, mapping: ImportMap, zones: Mapping[str, str]) -> None:
        self._values = row.values
        self._line = row.line
        self._map = mapping
        self._zones = zones
        self._venue: str | None = None
        self.column: str | None = None

    def terms(self, venue: str | None) -> dict[str, Any]:
        """Return the fields that hotels and restaurants have in common; what is empty is left out."""
        fields = self._map.fields
        self._venue = self._text(fields.venue) or venue or self._map.venue
        body: dict[str, Any] = {
            "venue": self._venue,
            "reservationId": self._id(),
            "customerName": self._needed(fields.customer_name),
            "customerEmail": self._text(fields.customer_email),
            "customerPhone": self._text(fields.customer_phone),
            "guests": self._guests(),
            "source": self._text(fields.source) or "import",
            "status": self._status(),
            "paid": self._money(fields.paid),
        }
        return {name: value for name, value in body.items() if value is not None}

    def version(self, file_version: int | None) -> int:
        """Return the source's version: a whole number, or an instant in microseconds."""
        source = self._map.fields.source_version
        text = self._text(source)
        if source is None or text is None:
            if file_version is None:
                raise Unreadable(
                    "has no sourceVersion, and the file has no time that could stand in"
                )
            return file_version
        if text.isascii() and text.isdigit() and source.format is None:
            if len(text) > 16 or int(text) > _MAX_VERSION:
                raise Unreadable(f"a version is at most {_MAX_VERSION}, not {text[:40]!r}")
            return int(text)
        return (self._instant(text, source.format) - _EPOCH) // timedelta(microseconds=1)

    def add_dates(self, body: dict[str, Any]) -> None:
        """When, where it is the room's type, and for how much, which may go by the nights."""
        fields = self._map.fields
        nights = None
        if self._map.kind == "hotel":
            body["roomType"] = self._needed(fields.room_type)
            first = self._day(fields.check_in)
            if fields.nights is not None:
                nights = self._whole(fields.nights)
            else:
                nights = (self._day(fields.check_out) - first).days
            if not 1 <= nights <= MAX_NIGHTS:
                raise Unreadable(f"a stay has one night to {MAX_NIGHTS} nights, not {nights}")
            last = _after(first, nights)
            body |= {"checkIn": first.isoformat(), "checkOut": last.isoformat()}
        else:
            text = self._needed(fields.date)
            start = self._instant(text, fields.date.format if fields.date else None)
            body["date"] = start.isoformat().replace("+00:00", "Z")
            if fields.duration_minutes and self._text(fields.duration_minutes):
                body["durationMinutes"] = self._whole(fields.duration_minutes)
        amount = self._money(fields.amount)
        if amount is not None:
            per_night = fields.amount is not None and fields.amount.per_night
            body["amount"] = round(amount * nights, 4) if per_night and nights else amount

    def _id(self) -> str:
        text = self._needed(self._map.fields.reservation_id)
        if not RESERVATION_ID.fullmatch(text):
            raise Unreadable(
                f"{text[:80]!r} can't be an id: up to 64 letters, digits, '.', '_', '~' or '-',"
                " beginning with a letter or digit"
            )
        return text

    def _guests(self) -> int:
        guests = self._whole(self._map.fields.guests)
        if guests < 1:
            raise Unreadable(f"must be at least 1, not {guests}")
        return guests

    def _status(self) -> str | None:
        text = self._text(self._map.fields.status)
        allowed = [status.value for status in STATUSES[VenueKind(self._map.kind)]]
        if text is not None and text not in allowed:
            raise Unreadable(
                f"status {text[:40]!r} is none of {', '.join(allowed)}: add it to `values`"
            )
        return text

    def _text(self, source: Source | None) -> str | None:
        """Return what is found, translated; None where it is empty or left out."""
        if source is None:
            return None
        found = self._found(source)
        if found in source.values:
            found = source.values[found]
        if found in _EMPTY:
            found = "" if source.default is None else str(source.default)
        return found or None

    def _found(self, source: Source) -> str:
        if source.constant is not None:
            return str(source.constant)
        if source.text is not None:
            self.column = source.text
            return " ".join(TEMPLATE.sub(lambda name: self._cell(name[1]), source.text).split())
        if source.columns:
            return " ".join(filter(None, (self._cell(name) for name in source.columns)))
        return self._cell(source.column or "")

    def _cell(self, name: str) -> str:
        self.column = name
        if name == LINE and LINE not in self._values:
            return str(self._line)
        value = at_path(self._values, name)
        if value is None:
            if name not in self._values and "." not in name:
                raise Unreadable("there is no such column")
            return ""
        if isinstance(value, dict | list):
            raise Unreadable("is no text and no number: name a path within it")
        if isinstance(value, str) and _HALF.search(value):
            raise Unreadable(f"{value[:40]!r} has half of a character (a lone surrogate)")
        if isinstance(value, bool):
            return str(value).lower()
        text = str(value).strip()
        if isinstance(value, float):
            # JSON's own mark is a point, whatever the file's texts have
            return text.replace(".", self._map.decimal)
        guarded = _GUARDED.fullmatch(text)
        return text if guarded is None else guarded[1].strip()

    def _needed(self, source: Source | None) -> str:
        text = self._text(source)
        if text is None:
            raise Unreadable("is empty")
        return text

    def _whole(self, source: Source) -> int:
        if source.columns:
            parts = [Source(column=name, default=source.default or 0) for name in source.columns]
            return sum(self._whole(part) for part in parts)
        number = parse_number(self._needed(source), self._map.decimal)
        if number != int(number):
            raise Unreadable(f"{number} is no whole number")
        return int(number)

    def _money(self, source: Source | None) -> float | int | None:
        text = self._text(source)
        if text is None:
            return None
        number = parse_number(text, self._map.decimal)
        if number < 0:
            raise Unreadable(f"{text[:40]!r} must not be negative")
        return int(number) if number == int(number) else float(number)

    def _day(self, source: Source | None) -> date:
        return parse_day(self._needed(source), source.format if source else None)

    def _instant(self, text: str, form: str | None) -> datetime:
        moment = parse_moment(text, form)
        return moment.astimezone(UTC) if moment.tzinfo else in_zone(moment, self._zone())

    def _zone(self) -> str:
        name = self._map.timezone or self._zones.get(self._venue or "")
        if name is None:
            raise Unreadable("has no offset: name the `timezone` of local times in the map")
        return name


def _after(day: date, nights: int) -> date:
    try:
        return day + timedelta(days=nights)
    except OverflowError:
        raise Unreadable(f"{nights} nights from {day} on end beyond the calendar") from None
