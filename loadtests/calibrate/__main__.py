"""Fit the chain of conditional distributions of a hotel's bookings to the data set.

    python -m loadtests.calibrate hotel_bookings.csv.zip fixtures/calibration/hotel_chain.json

Only conditional distributions are stored, each backed by at least `LEAST_EVENTS` bookings.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from loadtests.calibrate.block_laws import shared_fate, shared_value
from loadtests.calibrate.booked_months import fit_created
from loadtests.calibrate.calendar_laws import (
    cancelled_months,
    cancelled_weekdays,
    created_weekdays,
    created_weeks,
    month_weights,
    per_day,
)
from loadtests.calibrate.days import DAYS, fit_days
from loadtests.calibrate.raking import CALENDAR, Rows, fit_factors
from loadtests.calibrate.rows import FIRST, LAST, VARIABLES, Coder, Row, is_wide, read_rows
from loadtests.calibrate.tree import LEAST_EVENTS, PRICE, PRIOR, Table, TreeFit

Codes: TypeAlias = tuple[int, ...]
"""Codes of a row, by `VARIABLES`."""

_INDEX = {name: index for index, name in enumerate(VARIABLES)}
_APART = {"outcome": "deposit"}
"""Variable with codes that are set apart first, where it is not the segment."""

_PRICES = {"kind": 2.0, "country": 2.0, "changes": 3.0, "form": 6.0, "rate": 0.5}
"""Other prices of a parameter: coarse trees where little depends on a variable, a fine one for the
rates: their many classes would make every split dear."""

_RAKED = ("nights", "deposit", "country", "rate", "outcome", "form")
_MARGINS = {
    "outcome": (*CALENDAR, (_INDEX["segment"], _INDEX["deposit"])),
    "form": ((_INDEX["rate"],), (_INDEX["segment"], _INDEX["month"])),
}
"""Variables with factors, and their margins where these are others than month and weekday."""

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
    pairs = [(row, codes) for row in rows if (codes := coder.code(row))]
    rows, coded = [row for row, _ in pairs], [codes for _, codes in pairs]
    trees = _fit_trees(rows, coded, coder)
    weights, arrivals = month_weights(rows), per_day(rows)
    rates = [row.rate for row in rows]
    chain = {
        "rows": len(rows),
        "days": {
            name: {"variance": variance, "memory": 0.2}
            for name, variance in zip(DAYS, (0.09, 0.07, 1.2), strict=True)
        },
        "labels": coder.labels(),
        "mean_rate": round(sum(rates) / len(rates), 2),
        "arrivals": arrivals,
        **fit_created(rows, coded, weights, trees, coder.sizes(), arrivals),
        "created_weeks": created_weeks(rows),
        "created_weekdays": created_weekdays(rows, coder),
        "cancelled_months": cancelled_months(rows, coder),
        "cancelled_weekdays": cancelled_weekdays(rows, coder),
        "factors": {name: _fit_factors(name, rows, coded, trees[name], coder) for name in _RAKED},
        "shared_fate": shared_fate(rows),
        "shared_country": shared_value(rows, lambda row: row.country),
        "shared_party": shared_value(rows, lambda row: (row.adults, row.children)),
        "trees": trees,
    }
    fit_days(chain, rows)
    return chain


def _fit_trees(rows: Sequence[Row], coded: Sequence[Codes], coder: Coder) -> dict[str, Any]:
    numbers: dict[tuple[Any, ...], int] = {}
    table = Table(
        columns=list(zip(*coded, strict=True)),
        sizes=coder.sizes(),
        events=[numbers.setdefault(row.block, len(numbers)) for row in rows],
    )
    trees = {}
    for target in range(_INDEX["segment"], len(VARIABLES)):
        name = VARIABLES[target]
        wanted = _rows_for(name, table, [row.arrival for row in rows], coder.rates)
        price = _PRICES.get(name, PRICE)
        apart = _INDEX[_APART.get(name, "segment")] if name != "segment" else None
        given = range(_INDEX["rate"] + 1 if name == "form" else target)
        trees[name] = TreeFit(table, target, given, apart=apart, price=price).fit(wanted)
    return trees


def _fit_factors(
    name: str, rows: Sequence[Row], coded: Sequence[Codes], tree: Mapping[str, Any], coder: Coder
) -> dict[str, Any]:
    """Return the factors of one variable: of all arrivals; of full years for rates, which rose; of
    classes of many prices for forms.
    """
    bounds, rate = coder.rates, _INDEX["rate"]
    weights = [
        weight
        if (name != "rate" or FIRST <= row.arrival <= LAST)
        and (name != "form" or is_wide(bounds, codes[rate]))
        else 0.0
        for row, codes, weight in zip(rows, coded, month_weights(rows), strict=True)
    ]
    rows_of_law = Rows(coded, weights, coder.sizes())
    margins = _MARGINS.get(name, CALENDAR)
    return fit_factors(tree, rows_of_law, _INDEX[name], margins=margins)


def _rows_for(
    name: str, table: Table, arrivals: Sequence[date], bounds: Sequence[float]
) -> list[int]:
    """Return the rows to fit: the cancelled ones for `elapsed`; of full years for rates, which rose;
    those in classes of many prices for forms.
    """
    outcomes, rates = table.columns[_INDEX["outcome"]], table.columns[_INDEX["rate"]]
    return [
        row
        for row, arrival in enumerate(arrivals)
        if (name != "elapsed" or outcomes[row] == 1)
        and (name != "rate" or FIRST <= arrival <= LAST)
        and (name != "form" or is_wide(bounds, rates[row]))
    ]


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
