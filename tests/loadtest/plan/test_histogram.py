"""The histogram: its error, its range, merging."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.loadtest.plan.histogram import LEAST_S, MOST_S, Histogram

durations = st.floats(min_value=LEAST_S, max_value=MOST_S)


def filled(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(st.lists(durations, min_size=1), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_at_most_one_percent_off(values: list[float], share: float):
    """Compared with the exact one, from 10 µs to 100 s."""
    ordered = sorted(values)
    exact = ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
    assert filled(values).quantile(share) == pytest.approx(exact, rel=0.0101)


@given(st.lists(durations), st.lists(durations))
def test_merged_is_as_if_recorded_in_one(first: list[float], second: list[float]):
    """Also when one came through JSON from another process."""
    merged = filled(first)
    merged.merge(Histogram.from_json(json.loads(json.dumps(filled(second).to_json()))))
    together = filled(first + second)
    assert merged.buckets == together.buckets
    assert (merged.count, merged.max_s) == (together.count, together.max_s)


def test_what_is_out_of_range_counts_at_its_end():
    """Nothing is left out; the greatest is kept exactly."""
    histogram = filled([0.0, 1e-9, 250.0])
    assert histogram.count == 3
    assert histogram.max_s == 250
    assert histogram.quantile(0.01) == pytest.approx(LEAST_S, rel=0.02)


def test_an_empty_histogram_has_zeros():
    """No division by nothing."""
    assert (Histogram().quantile(0.99), Histogram().mean_s) == (0, 0)


def test_a_pause_counts_as_what_it_kept_from_being_seen():
    """Late by a second where one looks every 100 ms: ten looks were late, not one."""
    histogram = Histogram()
    histogram.record_pause(1.0, 0.1)
    assert histogram.count == pytest.approx(10, abs=1)
    assert histogram.quantile(0.5) == pytest.approx(0.5, abs=0.11)
