"""Compare generated bookings with the held-out half of the data set: pairs, triples, blocks, days.

    python -m loadtests.calibrate.joints hotel_bookings.csv.zip [SEEDS]

The chain is fitted to one random half of the bookings and measured on the other. Prints, for each
pair and triple, the total variation from the held-out half beyond that of the two halves.
"""

import json
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import combinations
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from loadtests.calibrate.days import (
    WARM_UP,
    generate,
    two_years,
    unevenness_of_rows,
    unevenness_of_stays,
)
from loadtests.calibrate.rows import FIRST, LAST, Row, read_rows
from rtdash.simulate.hotel import Ending, Stay
from rtdash.simulate.hotel_chain import HotelChain

NAMES = ("month", "weekday", "segment", "lead", "nights", "party", "rate", "outcome", "repeated")
TRIPLES = (
    ("segment", "lead", "nights"),
    ("month", "segment", "rate"),
    ("lead", "segment", "outcome"),
)
PAIR_BOUND, TRIPLE_BOUND, RATIO_BOUND = 0.05, 0.08, 1.3
LEADS = (0, 1, 2, 4, 8, 15, 31, 61, 91, 181, 366)
ENDINGS = {"Check-Out": Ending.STAYED, "Canceled": Ending.CANCELLED, "No-Show": Ending.NO_SHOW}


def seen(rows: Iterable[Row], deciles: Sequence[float]) -> list[tuple[Any, ...]]:
    """Return the named variables of rows."""
    return [
        _values(
            row.arrival, row.segment, row.lead, row.nights, row.adults + row.children, row.rate,
            ENDINGS[row.outcome], bool(row.repeated), deciles,
        )
        for row in rows
    ]  # fmt: skip


def generated(
    stays: Iterable[Stay], mean: float, deciles: Sequence[float]
) -> list[tuple[Any, ...]]:
    """Return the named variables of stays."""
    return [
        _values(
            stay.check_in, stay.segment, stay.lead_days, stay.nights, stay.guests,
            stay.rate_factor * mean, stay.ending, stay.repeated, deciles,
        )
        for stay in stays
    ]  # fmt: skip


def _values(
    arrival: date, segment: str, lead: int, nights: int, party: int, rate: float, outcome: Ending,
    repeated: bool, deciles: Sequence[float],
) -> tuple[Any, ...]:  # fmt: skip
    return (
        arrival.month, arrival.weekday(), segment, bisect_right(LEADS, lead), min(nights, 8),
        min(party, 6), bisect_right(deciles, rate), outcome, repeated,
    )  # fmt: skip


def variation(one: Sequence[Any], other: Sequence[Any], names: Sequence[str]) -> float:
    """Return the total variation between the joint distributions of the named variables."""
    places = [NAMES.index(name) for name in names]
    laws = [
        Counter(tuple(value[place] for place in places) for value in side) for side in (one, other)
    ]
    return (
        sum(
            abs(laws[0][key] / len(one) - laws[1][key] / len(other)) for key in {*laws[0], *laws[1]}
        )
        / 2
    )


def table(fit: Any, rows: Sequence[Row], seeds: int, *, whole_blocks: bool) -> Iterator[str]:
    """Yield the lines of one hotel's table; `fit` makes a chain of rows."""
    rows = [row for row in rows if FIRST <= row.arrival <= LAST]
    rng, side = Random(1), {}  # noqa: S311
    halves: tuple[list[Row], list[Row]] = ([], [])
    for row in rows:
        half = (
            side.setdefault(row.block, rng.random() < 0.5) if whole_blocks else rng.random() < 0.5
        )
        halves[half].append(row)
    fitted, held = halves
    ordered = sorted(row.rate for row in held)
    deciles = [ordered[len(ordered) * step // 10] for step in range(1, 10)]
    chain = HotelChain(json.loads(json.dumps(fit(fitted))))
    held_values, fitted_values = seen(held, deciles), seen(fitted, deciles)
    whole = [generate(chain, seed, days=WARM_UP + 730) for seed in range(seeds)]
    runs = [two_years(run) for run in whole]
    values = [generated(run, chain.mean_rate, deciles) for run in runs]
    for names in (*((name,) for name in NAMES), *combinations(NAMES, 2), *TRIPLES):
        halves_apart = variation(fitted_values, held_values, names)
        apart = [variation(run, held_values, names) - halves_apart for run in values]
        bound = TRIPLE_BOUND if len(names) == 3 else PAIR_BOUND
        yield (
            f"| {' x '.join(names)} | {halves_apart:.3f} | {fmean(apart):.3f} | {max(apart):.3f} |"
            f" {bound} | {'yes' if max(apart) <= bound else 'NO'} |"
        )
    days = [unevenness_of_stays(run) for run in whole]
    halves_of_days = unevenness_of_rows(fitted), unevenness_of_rows(held)
    for place, name in enumerate(("bookings", "arrivals", "cancellations")):
        yield _ratio_line(
            f"relative variance of {name} a day",
            [half[place].variance for half in halves_of_days],
            fmean(run[place].variance for run in days),
        )
    yield from _block_lines(halves, runs)


def _block_lines(
    halves: tuple[list[Row], list[Row]], runs: Sequence[Sequence[Stay]]
) -> Iterator[str]:
    keyed = [
        Counter((row.arrival, row.lead, row.nights, row.segment) for row in half) for half in halves
    ]
    drawn = [
        Counter((stay.check_in, stay.lead_days, stay.nights, stay.segment) for stay in run)
        for run in runs
    ]
    for segment in sorted({key[3] for key in keyed[1]}):
        sizes = [_sizes_of(segment, half) for half in keyed]
        others = [found for run in drawn if (found := _sizes_of(segment, run))]
        for name, size in (("mean", fmean), ("mean over rooms", _mean_over_rooms)):
            yield _ratio_line(
                f"rooms of one stay, {segment}, {name}",
                [size(half) for half in sizes],
                fmean(map(size, others)),
            )


def _sizes_of(segment: str, blocks: Counter[Any]) -> list[int]:
    return [size for key, size in blocks.items() if key[3] == segment]


def _mean_over_rooms(sizes: Sequence[float]) -> float:
    return sum(size**2 for size in sizes) / sum(sizes)


def _ratio_line(name: str, halves: Sequence[float], found: float) -> str:
    """Return a line: the fitted and the held-out half, what was generated, its ratio to the latter,
    and whether that is within `RATIO_BOUND` of either half.
    """
    fitted, held = halves
    within = min(max(found / half, half / found) for half in halves) <= RATIO_BOUND
    return (
        f"| {name} | {fitted:.2f}, {held:.2f} | {found:.2f} | x {found / held:.2f} |"
        f" x {RATIO_BOUND} | {'yes' if within else 'NO'} |"
    )


def main(arguments: Sequence[str]) -> None:
    """Print the tables of both hotels."""
    from loadtests.calibrate.__main__ import fit_hotel  # noqa: PLC0415

    seeds = int(arguments[1]) if len(arguments) > 1 else 10
    for hotel, rows in read_rows(Path(arguments[0])).items():
        for whole_blocks in (False, True):
            print(f"\n{hotel}, halves by {'block' if whole_blocks else 'booking'}")
            print("| joint | halves | beyond, mean | beyond, worst | bound | within |")
            print("|---|---|---|---|---|---|")
            for line in table(fit_hotel, rows, seeds, whole_blocks=whole_blocks):
                print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
