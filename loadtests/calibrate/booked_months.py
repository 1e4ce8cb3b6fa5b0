"""Months of booking, and leads: how much more often than by the trees alone a month's arrivals are
booked in a month, and a segment's so long ahead.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from loadtests.calibrate.rows import FIRST, LAST, LEADS, Row
from rtdash.simulate.conditional_law import ConditionalLaw
from rtdash.simulate.lead_weights import LONGEST_LEAD_DAYS

_Cells: TypeAlias = dict[tuple[int, ...], float]
"""Rows by codes."""


class _Margin(NamedTuple):
    """Places of (month of arrival, month of booking, segment, class of lead) that make a cell, and
    the rows of factor 1 in each cell.
    """

    places: tuple[int, ...]
    prior_rows: float


_MONTHS = _Margin((0, 1, 2), 8.0)
_LEADS = _Margin((2, 3), 2.0)
_ROUNDS = 8
_LEAST, _MOST = 5, 900
"""Bounds of a factor, in hundredths."""


def fit_created(
    rows: Sequence[Row],
    codes: Sequence[Sequence[int]],
    weights: Sequence[float],
    trees: Mapping[str, Any],
    sizes: Sequence[int],
    per_day: Sequence[Sequence[float]],
) -> dict[str, Any]:
    """Return factors in hundredths: `created_months` by month of arrival, month of booking and
    segment, `created_leads` by segment and class of lead.

    `weights` are those of the rows; `per_day` are the rows of a day by month and weekday.
    """
    observed: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for row, code, weight in zip(rows, codes, weights, strict=True):
        observed[code[0], row.booked_on.month - 1, code[2], code[3]] += weight
    expected = _expected(trees, sizes, per_day)
    margins = (_MONTHS, _LEADS)
    wanted = [_sum(observed, margin) for margin in margins]
    factors: list[_Cells] = [dict.fromkeys(_sum(expected, margin), 1.0) for margin in margins]
    for _ in range(_ROUNDS):
        for margin, due, of_margin in zip(margins, wanted, factors, strict=True):
            found = _sum(_weigh(expected, *factors), margin)
            for cell, factor in of_margin.items():
                # The prior counts for the product of all rounds.
                plain = found[cell] / factor
                of_margin[cell] = (due.get(cell, 0.0) + margin.prior_rows) / (
                    plain + margin.prior_rows
                )
    months, leads = factors
    return {
        "created_months": [
            [[_hundredths(months[m, c, s]) for s in range(sizes[2])] for c in range(12)]
            for m in range(12)
        ],
        "created_leads": [
            [_hundredths(leads[s, lead]) for lead in range(sizes[3])] for s in range(sizes[2])
        ],
    }


def _sum(cells: Mapping[tuple[int, ...], float], margin: _Margin) -> _Cells:
    sums: defaultdict[tuple[int, ...], float] = defaultdict(float)
    for cell, rows in cells.items():
        sums[tuple(cell[place] for place in margin.places)] += rows
    return sums


def _weigh(cells: _Cells, months: _Cells, leads: _Cells) -> _Cells:
    """Return the cells times the factors of both margins."""
    return {
        (month, created, segment, lead): rows
        * months[month, created, segment]
        * leads[segment, lead]
        for (month, created, segment, lead), rows in cells.items()
    }


def _expected(
    trees: Mapping[str, Any], sizes: Sequence[int], per_day: Sequence[Sequence[float]]
) -> _Cells:
    """Return the rows of the full years by month of arrival and booking, segment and class of lead,
    as the trees have them.
    """
    cells: defaultdict[tuple[int, ...], float] = defaultdict(float)
    law, leads = (ConditionalLaw(trees[name], sizes) for name in ("segment", "lead"))
    bounds = (*LEADS, LONGEST_LEAD_DAYS)
    for (month, weekday, code, created), days in _kinds(bounds).items():
        width = bounds[code + 1] - bounds[code]
        shares = _shares(law.given((month, weekday)), sizes[2])
        for segment, share in enumerate(shares):
            part = _shares(leads.given((month, weekday, segment)), code + 1)[code]
            cells[month, created, segment, code] += (
                days * per_day[month][weekday] * share * part / width
            )
    return cells


def _kinds(bounds: Sequence[int]) -> Counter[tuple[int, int, int, int]]:
    """Count the pairs of arrival day and lead by month, weekday, class of lead, month of booking."""
    classes = [code for code, (low, high) in enumerate(pairwise(bounds)) for _ in range(low, high)]
    kinds: Counter[tuple[int, int, int, int]] = Counter()
    months = [
        date.fromordinal(ordinal).month - 1
        for ordinal in range(FIRST.toordinal() - LONGEST_LEAD_DAYS, LAST.toordinal() + 1)
    ]
    for offset in range((LAST - FIRST).days + 1):
        arrival = FIRST + timedelta(days=offset)
        month, weekday = arrival.month - 1, arrival.weekday()
        today = offset + LONGEST_LEAD_DAYS
        for lead, code in enumerate(classes):
            kinds[month, weekday, code, months[today - lead]] += 1
    return kinds


def _hundredths(factor: float) -> int:
    return min(_MOST, max(_LEAST, round(100 * factor)))


def _shares(cumulative: Sequence[float], count: int) -> list[float]:
    shares = [after - before for before, after in pairwise((0.0, *cumulative))]
    return [*shares, *[0.0] * (count - len(shares))]
