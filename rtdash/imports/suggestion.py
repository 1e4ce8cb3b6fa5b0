"""A first map for a file, guessed from its header and first rows."""

import json
import re
from datetime import datetime
from itertools import islice

from rtdash.imports.csv_tables import sniff_delimiter
from rtdash.imports.decoding import decode
from rtdash.imports.readers import format_of, iter_rows
from rtdash.imports.rows import SourceRow
from rtdash.imports.values import EXCEL, is_day_number

_SAMPLES = 50
_KNOWN: dict[str, tuple[str, ...]] = {
    "reservationId": ("reservationid", "bookingid", "confirmation", "reference", "id", "number"),
    "sourceVersion": ("lastchanged", "updatedat", "modified", "updated", "changed", "version"),
    "customerName": ("customername", "guestname", "guest", "name", "customer", "contact"),
    "customerEmail": ("email", "mail"),
    "customerPhone": ("phone", "telephone", "mobile", "tel"),
    "guests": ("guests", "pax", "covers", "partysize", "party", "adults", "persons", "people"),
    "source": ("source", "channel", "origin", "segment"),
    "status": ("status", "state"),
    "amount": ("amount", "total", "price", "revenue", "rate"),
    "paid": ("paid", "deposit", "payment"),
    "roomType": ("roomtype", "roomcategory", "category", "room"),
    "checkIn": ("checkin", "arrival", "arrive", "from", "startdate"),
    "checkOut": ("checkout", "departure", "depart", "to", "enddate"),
    "nights": ("nights",),
    "date": ("datetime", "start", "reservedfor", "date", "time"),
    "durationMinutes": ("duration", "minutes"),
}
_OF_HOTELS = ("roomType", "checkIn", "checkOut", "nights")
_OF_RESTAURANTS = ("date", "durationMinutes")
_STATUSES = {
    "cancel": "Cancelled",
    "noshow": "NoShow",
    "checkedin": "CheckedIn",
    "inhouse": "CheckedIn",
    "checkout": "CheckedOut",
    "checkedout": "CheckedOut",
    "departed": "CheckedOut",
    "seated": "Seated",
    "complete": "Completed",
    "finished": "Completed",
    "confirm": "Confirmed",
    "booked": "Confirmed",
    "pending": "Pending",
    "tentative": "Pending",
    "request": "Pending",
}
_FORMATS = (
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y", "%d %B %Y"),
    *("%d/%m/%y", "%m/%d/%y", "%d.%m.%y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p")


def suggest_map(content: bytes, *, name: str = "") -> str:
    """Return the TOML of a first map. What was not found is there as a comment to fill in. Raises
    Undecodable.
    """
    text = decode(content, None)
    form = format_of(name, text)
    rows = [row for row in islice(iter_rows(text, form), _SAMPLES) if isinstance(row, SourceRow)]
    columns = list(dict.fromkeys(key for row in rows for key in row.values if key))
    found = _match(columns)
    kind = "hotel" if {"checkIn", "roomType", "nights"} & found.keys() else "restaurant"
    wanted = _OF_HOTELS if kind == "hotel" else _OF_RESTAURANTS
    lines = [f'kind = "{kind}"', '# venue = "harbour-hotel"   # or --venue']
    if form in {"csv", "tsv"}:
        lines.append(f"delimiter = {json.dumps(sniff_delimiter(text))}")
    lines += ['# timezone = "Europe/Lisbon"   # of local times; default: the venue\'s']
    lines += ['# decimal = ","', "", "[fields]"]
    others = _OF_RESTAURANTS if kind == "hotel" else _OF_HOTELS
    for field in _KNOWN:
        if field in others or (field == "nights" and "checkOut" in found):
            continue
        if field in found:
            lines.append(f"{field} = {_source(field, found[field], rows)}")
        elif field != "nights":
            needed = "   # needed" if field in {*wanted[:3], "reservationId", "guests"} else ""
            lines.append(f'# {field} = "column"{needed}')
    return "\n".join(lines) + "\n"


def _match(columns: list[str]) -> dict[str, str]:
    """Return the column that each field is in: by its whole name first, then by a part of it."""
    plain = {column: re.sub(r"[^a-z]", "", column.lower()) for column in columns}
    found: dict[str, str] = {}
    for is_match in (str.__eq__, str.__contains__):
        for field, words in _KNOWN.items():
            for word in words:
                free = (column for column in columns if column not in found.values())
                hit = next((one for one in free if is_match(plain[one], word)), None)
                if (
                    field not in found
                    and hit is not None
                    and (is_match is str.__eq__ or len(word) > 3)
                ):
                    found[field] = hit
    return found


def _source(field: str, column: str, rows: list[SourceRow]) -> str:
    samples = [str(row.values.get(column, "")).strip() for row in rows]
    quoted = json.dumps(column, ensure_ascii=False)
    if field == "status":
        pairs = {text: _status(text) for text in samples if text}
        values = ", ".join(
            f"{json.dumps(k, ensure_ascii=False)} = {json.dumps(v)}" for k, v in pairs.items()
        )
        return f"{{ column = {quoted}, values = {{ {values} }} }}"
    if field in {"checkIn", "checkOut", "date"} and (forms := _date_formats(samples)):
        others = "".join(f'   # or "{form}": both read the first rows' for form in forms[1:2])
        return f"{{ column = {quoted}, format = {json.dumps(forms[0])} }}{others}"
    return quoted


def _status(text: str) -> str:
    plain = re.sub(r"[^a-z]", "", text.lower())
    return next((status for word, status in _STATUSES.items() if word in plain), "Confirmed")


def _date_formats(samples: list[str]) -> list[str]:
    """Return the forms that read all samples; none for ISO's own."""
    given = [text for text in samples if text]
    if given and all(map(is_day_number, given)):
        return [EXCEL]
    forms = (day + clock for day in _FORMATS for clock in _TIMES)
    return [form for form in forms if given and all(_reads(text, form) for text in given)]


def _reads(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007  only whether it can be read
    except ValueError:
        return False
    return True
