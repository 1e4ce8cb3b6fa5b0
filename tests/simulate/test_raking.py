"""Factors of the calibration: what they are fitted to holds, whatever the trees say."""

from datetime import date, timedelta
from random import Random

import pytest

from loadtests.calibrate.booked_months import fit_created
from loadtests.calibrate.calendar_laws import month_weights
from loadtests.calibrate.raking import Rows, fit_factors
from loadtests.calibrate.rows import LEADS, Row
from rtdash.simulate.conditional_law import ConditionalLaw
from rtdash.simulate.raked_law import RakedLaw

SIZES = [12, 7, 2, len(LEADS), 3]
TREE = {"splits": [-1], "leaves": [[0, 600, 1, 300, 1, 100]]}
"""Of three codes, whatever month, weekday and segment."""


def _row(arrival, lead=30):
    return Row(
        arrival, arrival - timedelta(days=lead), lead, 2, 2, 0, "Direct", "Transient",
        "No Deposit", 0, "FRA", 100.0, "Check-Out", arrival, 0, (),
    )  # fmt: skip


def test_raked_shares_are_those_of_each_month_and_weekday():
    """A tree that knows neither gives the shares of both again."""
    rng = Random(1)
    codes = []
    for _ in range(20_000):
        month, weekday, segment = rng.randrange(12), rng.randrange(7), rng.randrange(2)
        weights = (1 + (month == 6) * 3, 2, 1 + (weekday == 5) * 2)
        codes.append((month, weekday, segment, 0, rng.choices(range(3), weights)[0]))
    factors = fit_factors(TREE, Rows(codes, [1.0] * len(codes), SIZES), 4)
    law = RakedLaw(ConditionalLaw(TREE, SIZES), factors)
    for test in (lambda row: row[0] == 6 and row[2] == 1, lambda row: row[1] == 5):
        rows = [row for row in codes if test(row)]
        for code in range(3):
            seen = sum(row[4] <= code for row in rows) / len(rows)
            found = sum(law.given(row)[code] for row in rows) / len(rows)
            assert found == pytest.approx(seen, abs=0.01)


def test_rows_without_weight_do_not_count():
    """The factors are those of the others alone."""
    codes = [(0, 0, 0, 0, code) for code in (0, 0, 1, 2) for _ in range(500)]
    odd = [(0, 0, 0, 0, 2)] * 3000
    alone = fit_factors(TREE, Rows(codes, [1.0] * 2000, SIZES), 4)
    both = fit_factors(TREE, Rows(codes + odd, [1.0] * 2000 + [0.0] * 3000, SIZES), 4)
    law, other = (RakedLaw(ConditionalLaw(TREE, SIZES), factors) for factors in (alone, both))
    assert list(law.given((0, 0, 0))) == pytest.approx(list(other.given((0, 0, 0))), abs=0.01)


def test_a_month_counts_as_often_as_in_the_full_years():
    """The third July weighs a part, and all of July as much as the two full ones."""
    rows = [_row(date(year, 7, 3)) for year in (2015, 2016, 2017)] + [_row(date(2016, 3, 1))]
    weights = month_weights(rows)
    assert sum(weights[:3]) == pytest.approx(2)
    assert weights[3] == 1


def test_leads_of_a_segment_are_the_data_s():
    """A tree that has other leads is corrected, for each segment apart."""
    rows, codes = [], []
    for day in range(730):
        arrival = date(2015, 9, 1) + timedelta(days=day)
        for segment, lead in ((0, 0), (0, 3), (1, 3), (1, 3)):
            rows.append(_row(arrival, lead))
            codes.append((arrival.month - 1, arrival.weekday(), segment, LEADS.index(lead)))
    trees = {"segment": {"splits": [-1], "leaves": [[0, 500, 1, 500]]},
             "lead": {"splits": [-1], "leaves": [[0, 250, 3, 750]]}}  # fmt: skip
    per_day = [[4.0] * 7 for _ in range(12)]
    fitted = fit_created(rows, codes, [1.0] * len(rows), trees, SIZES, per_day)
    leads = fitted["created_leads"]
    assert leads[0][0] / leads[0][3] == pytest.approx(3, rel=0.1)  # 1 : 1 is wanted of 1 : 3
    assert leads[1][0] < 10
