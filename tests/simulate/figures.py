"""The reports of CONTRACT section 5, computed from the rows of the booking data themselves: what a
server must answer after a replay.

On purpose without any code of the product. As a command: python -m tests.simulate.figures FILE
VENUE UNTIL
"""

import csv
import io
import json
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

HOTELS = {"resort-hotel": "Resort Hotel", "city-hotel": "City Hotel"}
DAYS = {"weekly": 7, "monthly": 30}

Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """All rows of a .csv file or of the one in a .zip file."""
    if path.suffix != ".zip":
        return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    with zipfile.ZipFile(path) as archive:
        return list(
            csv.DictReader(io.StringIO(archive.read(archive.namelist()[0]).decode(), newline=""))
        )


def arrival(row: Row) -> date:
    """The day of arrival."""
    text = (
        f"{row['arrival_date_year']} {row['arrival_date_month']} {row['arrival_date_day_of_month']}"
    )
    return datetime.strptime(text, "%Y %B %d").date()  # noqa: DTZ007


def nights(row: Row) -> int:
    """Nights of the stay."""
    return int(row["stays_in_weekend_nights"]) + int(row["stays_in_week_nights"])


def guests(row: Row) -> int:
    """All guests of the row; a number of children that isn't known counts as none."""
    children = 0 if row["children"] == "NA" else int(row["children"])
    return int(row["adults"]) + children + int(row["babies"])


def is_taken(row: Row) -> bool:
    """Whether the row can be a reservation."""
    return nights(row) > 0 and guests(row) > 0 and Decimal(row["adr"]) >= 0


def has_come(row: Row) -> bool:
    """Neither cancelled nor a no-show."""
    return row["reservation_status"] == "Check-Out"


def reports(rows: Iterable[Row], venue: str, *, period: str, until: date) -> dict[str, Any]:
    """`trends`, `sources` and `by-category` of one hotel, as the server shows them."""
    first = until - timedelta(days=DAYS[period] - 1)
    mine = [row for row in rows if row["hotel"] == HOTELS[venue] and is_taken(row)]
    starting = [row for row in mine if first <= arrival(row) <= until]
    by_night, by_type = _room_revenue(mine, first, until)
    sources = Counter(row["market_segment"] for row in starting if has_come(row))
    points = [
        _point(first + timedelta(days=day), starting, by_night) for day in range(DAYS[period])
    ]
    return {
        "trends": points,
        "sources": {
            "total": sources.total(),
            "sources": _shares(sources, "source", "reservations", lambda count: count),
        },
        "by-category": {
            "total": _major(by_type.total()),
            "categories": _shares(by_type, "category", "revenue", _major),
        },
    }


def _room_revenue(rows: list[Row], first: date, last: date) -> tuple[Counter[date], Counter[str]]:
    """Cents by night and by the type of the room that was given: the rate of each night that a
    guest had booked and came for.
    """
    by_night: Counter[date] = Counter()
    by_type: Counter[str] = Counter()
    for row in rows:
        if has_come(row):
            for night in range(nights(row)):
                day = arrival(row) + timedelta(days=night)
                if first <= day <= last:
                    by_night[day] += int(Decimal(row["adr"]) * 100)
                    by_type[f"Type {row['assigned_room_type']}"] += int(Decimal(row["adr"]) * 100)
    return by_night, by_type


def _point(day: date, starting: list[Row], by_night: Counter[date]) -> dict[str, Any]:
    rows = [row for row in starting if arrival(row) == day]
    came = [row for row in rows if has_come(row)]
    return {
        "date": day.isoformat(),
        "reservations": len(came),
        "guests": sum(map(guests, came)),
        "cancellations": len(rows) - len(came),
        "revenue": _major(by_night[day]),
    }


def _shares(counts: Counter[str], name: str, value: str, show: Any) -> list[dict[str, Any]]:
    total = counts.total()
    ranked = sorted(
        ((key, count) for key, count in counts.items() if count),
        key=lambda entry: (-entry[1], entry[0]),
    )
    return [
        {name: key, value: show(count), "share": _percent(count, total)} for key, count in ranked
    ]


def _percent(count: int, total: int) -> float:
    return float((Decimal(100 * count) / total).quantize(Decimal("0.1"), "ROUND_HALF_UP"))


def _major(cents: int) -> float:
    return cents // 100 if cents % 100 == 0 else cents / 100


if __name__ == "__main__":
    file, hotel, last_day = sys.argv[1:]
    # a command
    print(  # noqa: T201
        json.dumps(
            reports(
                read_rows(Path(file)), hotel, period="monthly", until=date.fromisoformat(last_day)
            ),
            indent=1,
        )
    )
