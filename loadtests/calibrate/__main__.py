"""Fit the chain of conditional distributions of a hotel's bookings to the data set.

    python -m loadtests.calibrate hotel_bookings.csv.zip fixtures/calibration/hotel_chain.json

Only conditional distributions are stored, each backed by at least `LEAST_EVENTS` bookings.
"""

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from loadtests.calibrate.days import fit_days
from loadtests.calibrate.raking import fit_factors
from loadtests.calibrate.rows import FIRST, LAST, VARIABLES, Coder, Row, read_rows
from loadtests.calibrate.tree import LEAST_EVENTS, PRICE, PRIOR, Table, TreeFit
from rtdash.simulate.hotel import LARGE
from rtdash.simulate.prices import FORMS, form_of

Coded: TypeAlias = Sequence[tuple[Row, tuple[int, ...]]]
"""Rows with their codes."""

_INDEX = {name: index for index, name in enumerate(VARIABLES)}
_APART = {"outcome": "deposit"}
"""Variable with codes that are set apart first, where it is not the segment."""

_PRICES = {"kind": 2.0, "country": 2.0, "changes": 2.0, "rate": 0.42}
"""Other prices of a parameter: coarse trees where little depends on a variable, a fine one for the
rates: their many classes would make every split dear."""

_SOURCE = {
    "data": "Antonio N., de Almeida A., Nunes L. (2019) Hotel booking demand datasets. Data in Brief"
    " 22:41-49. https://doi.org/10.1016/j.dib.2018.11.126",
    "licence": "CC BY 4.0 (article and data); attribution required",
    "method": "a chain of conditional distributions, each a decision tree (sequential CART, Nowok,"
    " Raab, Dibben 2016), fitted by loadtests/calibrate",
    "arrivals": f"all; of months and weekdays {FIRST}..{LAST}",
    "least_events_of_a_leaf": LEAST_EVENTS,
    "rows_of_the_parent_in_a_child": PRIOR,
    "gain_asked_of_a_parameter": PRICE,
}


def fit_hotel(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the chain of one hotel."""
    coder = Coder(rows)
    coded = [(row, codes) for row in rows if (codes := coder.code(row))]
    numbers: dict[tuple[Any, ...], int] = {}
    table = Table(
        columns=list(zip(*(codes for _, codes in coded), strict=True)),
        sizes=coder.sizes(),
        events=[numbers.setdefault(row.block, len(numbers)) for row, _ in coded],
    )
    trees = {}
    for target in range(_INDEX["segment"], len(VARIABLES)):
        name = VARIABLES[target]
        wanted = _rows_for(name, table, [row.arrival for row, _ in coded])
        price = _PRICES.get(name, PRICE)
        apart = _INDEX[_APART.get(name, "segment")] if name != "segment" else None
        trees[name] = TreeFit(table, target, range(target), apart=apart, price=price).fit(wanted)
    rates = [row.rate for row, _ in coded]
    full_years = [codes for row, codes in coded if FIRST <= row.arrival <= LAST]
    places = (_INDEX["month"], _INDEX["segment"])
    chain = {
        "rows": len(coded),
        "created_variance": 0.1,
        "arrival_variance": 0.1,
        "labels": coder.labels(),
        "mean_rate": round(sum(rates) / len(rates), 2),
        "arrivals": _per_day([row for row, _ in coded]),
        "created_weekdays": _created_weekdays([row for row, _ in coded], coder),
        "cancelled_weekdays": _cancelled_weekdays([row for row, _ in coded], coder),
        "price_forms": _price_forms(coded, coder),
        "factors": {
            name: fit_factors(trees[name], full_years, coder.sizes(), (*places, _INDEX[name]))
            for name in ("nights", "rate")
        },
        "shared_fate": _shared_fate([row for row, _ in coded]),
        "trees": trees,
    }
    fit_days(chain, [row for row, _ in coded])
    return chain


def _rows_for(name: str, table: Table, arrivals: Sequence[date]) -> list[int]:
    """Return the rows to fit: the cancelled ones for `elapsed`; of full years for rates, which rose."""
    outcomes = table.columns[_INDEX["outcome"]]
    return [
        row
        for row, arrival in enumerate(arrivals)
        if (name != "elapsed" or outcomes[row] == 1)
        and (name != "rate" or FIRST <= arrival <= LAST)
    ]


def _per_day(rows: Sequence[Row]) -> list[list[float]]:
    """Return the mean rows of a day by month and weekday of arrival."""
    days = Counter(
        (day.month - 1, day.weekday())
        for offset in range((LAST - FIRST).days + 1)
        if (day := FIRST + timedelta(days=offset))
    )
    found = Counter(
        (row.arrival.month - 1, row.arrival.weekday())
        for row in rows
        if FIRST <= row.arrival <= LAST
    )
    return [
        [round(found[month, day] / days[month, day], 2) for day in range(7)] for month in range(12)
    ]


def _created_weekdays(rows: Sequence[Row], coder: Coder) -> list[list[float]]:
    """Return, for each segment, how frequent each weekday of booking is; 1 on average.

    Of leads of a week and more: shorter ones tie it to the weekday of arrival.
    """
    found = Counter((row.segment, row.booked_on.weekday()) for row in rows if row.lead >= 7)
    return [
        _average_one([5 + found[segment, day] for day in range(7)]) for segment in coder.segments
    ]


def _cancelled_weekdays(rows: Sequence[Row], coder: Coder) -> list[list[float]]:
    """Return, for each segment, how frequent each weekday of cancelling is, drawn towards all."""
    gone = [row for row in rows if row.outcome == "Canceled"]
    every = Counter(row.ended_on.weekday() for row in gone)
    found = Counter((row.segment, row.ended_on.weekday()) for row in gone)
    return [
        _average_one([30 * every[day] / len(gone) + found[segment, day] for day in range(7)])
        for segment in coder.segments
    ]


def _average_one(counts: Sequence[float]) -> list[float]:
    return [round(count * len(counts) / sum(counts), 3) for count in counts]


def _price_forms(coded: Coded, coder: Coder) -> list[list[float]]:
    """Return, for each segment, the shares of the forms of prices in classes wider than one price."""
    bounds = coder.rates
    place = _INDEX["rate"]
    rows = [
        (row.segment, form_of(round(row.rate * 100)))
        for row, codes in coded
        if row.rate and bounds[codes[place] + 1] - bounds[codes[place]] > 1
    ]
    every, found = Counter(form for _, form in rows), Counter(rows)
    forms = range(len(FORMS))
    return [
        _shares([30 * every[form] / len(rows) + found[segment, form] for form in forms])
        for segment in coder.segments
    ]


def _shares(counts: Sequence[float]) -> list[float]:
    return [round(count / sum(counts), 4) for count in counts]


def _shared_fate(rows: Sequence[Row]) -> list[float]:
    """Return the shares of rooms that share the fate of their block: of a small one, of a large one.

    Two rooms agree with the probability f² + (1 - f²)·(p² + (1 - p)²), p the rate of cancellations
    of their segment and deposit.
    """
    blocks: defaultdict[Any, list[Row]] = defaultdict(list)
    kinds: defaultdict[Any, list[bool]] = defaultdict(list)
    for row in rows:
        blocks[row.block].append(row)
        kinds[row.segment, row.deposit].append(row.outcome == "Check-Out")
    stays = {kind: sum(fates) / len(fates) for kind, fates in kinds.items()}
    shared = []
    for sizes in (range(2, LARGE), range(LARGE, 1000)):
        gain = least = 0.0
        for block in blocks.values():
            size, stayed = len(block), sum(row.outcome == "Check-Out" for row in block)
            if size in sizes:
                gone, share = size - stayed, stays[block[0].segment, block[0].deposit]
                chance = share**2 + (1 - share) ** 2
                agree = (stayed * (stayed - 1) + gone * (gone - 1)) / (size * (size - 1))
                gain, least = gain + agree - chance, least + 1 - chance
        shared.append(round(max(0.0, gain / least) ** 0.5, 3) if least else 0.9)
    return shared


def main(arguments: Sequence[str]) -> None:
    """Fit both hotels and write the fixture."""
    source, target = map(Path, arguments)
    hotels = {}
    for name, rows in read_rows(source).items():
        started = time.monotonic()
        hotels[name] = fit_hotel(rows)
        leaves = {tree: len(fit["leaves"]) for tree, fit in hotels[name]["trees"].items()}
        print(f"{name}: {time.monotonic() - started:.0f} s, leaves {leaves}", file=sys.stderr)
    text = json.dumps({"source": _SOURCE, "hotels": hotels}, separators=(",", ":"))
    target.write_text(text + "\n", encoding="utf-8")
    print(f"{target}: {len(text):,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
