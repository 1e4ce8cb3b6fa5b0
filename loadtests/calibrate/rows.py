"""Rows of the hotel booking data set as codes of the chain's variables."""

import csv
import io
import zipfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rtdash.simulate.cancellation_days import CLASSES, class_of
from rtdash.simulate.prices import FORMS, form_of

VARIABLES = (
    "month", "weekday", "segment", "lead", "rooms", "nights", "kind", "deposit", "repeated",
    "country", "party", "rate", "outcome", "changes", "elapsed", "form",
)  # fmt: skip
"""Order of the chain; each is drawn given some of those before it."""

FIRST, LAST = date(2015, 9, 1), date(2017, 8, 31)
"""Two full years of arrivals: each month counts twice. July and August 2015, which lack bookings, make
that three times; they are left out of the counts by month and weekday."""

LEADS = (
    *range(9), 10, 12, 15, 18, 22, 26, 31, 38, 46, 53, 61, 76, 91, 106, 121, 151, 181, 211, 241, 271,
    301, 331, 366, 411, 471, 541,
)  # fmt: skip
ROOMS = (1, 2, 3, 4, 6, 10, 15, 25, 40, 60, 90)
NIGHTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 21, 28)
CHANGES = (0, 1, 2, 3, 5)
"""Lower bounds of classes."""

OUTCOMES = ("Check-Out", "Canceled", "No-Show")
DEPOSITS = ("No Deposit", "Non Refund", "Refundable")
COUNTRIES = 28
PARTIES = 13
RATES = 24
RATE_TAIL = (0.98, 0.99, 0.995)
"""Ranks of the bounds of more classes of rates, so that few are dear."""
FREQUENT_PRICE = 0.006
LOWEST_RATE = 15.0
"""EUR a night; the few lower prices that aren't 0 are part payments or errors."""

_MONTHS = {date(2000, month, 1).strftime("%B"): month for month in range(1, 13)}


class Row(NamedTuple):
    """One room of a booking."""

    arrival: date
    booked_on: date
    lead: int
    nights: int
    adults: int
    children: int
    segment: str
    kind: str
    deposit: str
    repeated: int
    country: str
    rate: float
    outcome: str
    ended_on: date
    changes: int
    block: tuple[Any, ...]


def read_rows(path: Path) -> dict[str, list[Row]]:
    """Return the rows of each hotel, "H1" and "H2", that a booking can be made of."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode("utf-8-sig")
    rows: dict[str, list[Row]] = {"H1": [], "H2": []}
    for line in csv.DictReader(io.StringIO(text, newline="")):
        row = _read_row(line)
        if (
            row.nights
            and row.adults + row.children
            and row.segment != "Undefined"
            and row.rate >= 0
        ):
            rows["H1" if line["hotel"] == "Resort Hotel" else "H2"].append(row)
    return rows


def _read_row(line: dict[str, str]) -> Row:
    arrival = date(
        int(line["arrival_date_year"]),
        _MONTHS[line["arrival_date_month"]],
        int(line["arrival_date_day_of_month"]),
    )
    lead = int(line["lead_time"])
    nights = int(line["stays_in_weekend_nights"]) + int(line["stays_in_week_nights"])
    rate = float(line["adr"])
    children = int(float(line["children"])) if line["children"] not in {"", "NA"} else 0
    ended = line["reservation_status_date"]
    # An agent or a company books rooms for one stay at once; without either, equal prices tie rooms.
    shared = (line["agent"], line["company"]) if line["agent"] != "9" else (rate,)
    return Row(
        arrival=arrival,
        booked_on=arrival - timedelta(days=lead),
        lead=lead,
        nights=nights,
        adults=int(line["adults"]),
        children=children + int(line["babies"]),
        segment=line["market_segment"],
        kind=line["customer_type"],
        deposit=line["deposit_type"],
        repeated=int(line["is_repeated_guest"]),
        country={"CN": "CHN"}.get(line["country"], line["country"]),
        rate=rate,
        outcome=line["reservation_status"],
        ended_on=datetime.strptime(ended, "%m/%d/%Y" if "/" in ended else "%Y-%m-%d").date(),  # noqa: DTZ007
        changes=int(line["booking_changes"]),
        block=(arrival, lead, nights, line["market_segment"], line["customer_type"],
               line["deposit_type"], *shared),
    )  # fmt: skip


def block_sizes(rows: Iterable[Row]) -> Counter[tuple[Any, ...]]:
    """Return the number of rooms of each block."""
    return Counter(row.block for row in rows)


class Coder:
    """Codes of one hotel's rows; the labels of names and the bounds of rates come from the rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.segments = _frequent((row.segment for row in rows), 20)
        self.kinds = _frequent((row.kind for row in rows), 4)
        self.countries = [*_frequent((row.country for row in rows), COUNTRIES), "other"]
        self.parties = _frequent(((row.adults, row.children) for row in rows), PARTIES)
        self.rates = _rate_bounds([row.rate for row in rows if row.rate >= LOWEST_RATE])
        self._sizes = block_sizes(rows)

    def labels(self) -> dict[str, Any]:
        """Return what the codes of each variable stand for."""
        return {
            "segment": self.segments,
            "lead": [*LEADS, 740],
            "rooms": [*ROOMS, 1 + max(self._sizes.values())],
            "nights": [*NIGHTS, 43],
            "kind": self.kinds,
            "deposit": DEPOSITS,
            "country": self.countries,
            "party": self.parties,
            "rate": self.rates,
            "changes": [*CHANGES, 9],
        }

    def code(self, row: Row) -> tuple[int, ...] | None:
        """Return the codes by `VARIABLES`; None for a party or a rate that is not generated."""
        party = (row.adults, row.children)
        if party not in self.parties or 0 < row.rate < LOWEST_RATE:
            return None
        return (
            row.arrival.month - 1,
            row.arrival.weekday(),
            self.segments.index(row.segment),
            bisect_right(LEADS, row.lead) - 1,
            bisect_right(ROOMS, self._sizes[row.block]) - 1,
            bisect_right(NIGHTS, row.nights) - 1,
            self.kinds.index(row.kind),
            DEPOSITS.index(row.deposit),
            row.repeated,
            self.countries.index(row.country if row.country in self.countries else "other"),
            self.parties.index(party),
            min(bisect_right(self.rates, row.rate), len(self.rates) - 1) - 1,
            OUTCOMES.index(row.outcome),
            bisect_right(CHANGES, row.changes) - 1,
            class_of(row.lead, (row.ended_on - row.booked_on).days),
            form_of(round(row.rate * 100)),
        )

    def sizes(self) -> list[int]:
        """Return the number of codes by `VARIABLES`."""
        return [
            12, 7, len(self.segments), len(LEADS), len(ROOMS), len(NIGHTS), len(self.kinds),
            len(DEPOSITS), 2, len(self.countries), len(self.parties), len(self.rates) - 1,
            len(OUTCOMES), len(CHANGES), CLASSES, len(FORMS),
        ]  # fmt: skip


def is_wide(bounds: Sequence[float], code: int) -> bool:
    """Return whether a class of rates holds many prices, so that they have forms."""
    return code > 0 and bounds[code + 1] - bounds[code] > 1


def _rate_bounds(rates: Sequence[float]) -> list[float]:
    """Return lower bounds of classes: free, equally frequent ones, each frequent price alone."""
    ordered = sorted(rates)
    picks = [int(ordered[len(ordered) * index // RATES]) for index in range(RATES)]
    frequent = [
        rate for rate, count in Counter(rates).items() if count > FREQUENT_PRICE * len(rates)
    ]
    alone = [bound for rate in frequent for bound in (rate, round(rate + 0.01, 2))]
    top = int(ordered[int(len(ordered) * 0.9995)]) + 1
    tail = [int(ordered[int(len(ordered) * rank)]) for rank in RATE_TAIL]
    return sorted({0.0, *map(float, (*picks, *tail)), *alone, float(top)})


def _frequent(values: Iterable[Any], most: int) -> list[Any]:
    return [value for value, _ in Counter(values).most_common(most)]
