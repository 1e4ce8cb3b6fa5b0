"""Compare everything that generated bookings have with the held-out half of the data set.

    python -m loadtests.calibrate.survey hotel_bookings.csv.zip [SEEDS [CHAIN]]

Every pair of all columns by total variation beyond that of two random halves, then figures of days,
blocks, prices and tails by their ratio; the worst come first. CHAIN is a fixture to take instead of
a chain that is fitted to the other half.
"""

import json
import sys
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from random import Random
from statistics import fmean

from loadtests.calibrate.columns import Booking, bookings_of_rows, bookings_of_stays, columns
from loadtests.calibrate.day_figures import figures
from loadtests.calibrate.days import WARM_UP, generate, two_years
from loadtests.calibrate.rows import FIRST, LAST, Row, read_rows
from rtdash.simulate.hotel_chain import HotelChain

PAIR_BOUND, RATIO_BOUND = 0.05, 1.3
SHOWN = 40
"""Lines shown of each list, the worst."""

Codes = dict[str, list[int]]


def halves(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return two random halves of the rows, by booking."""
    rng = Random(1)  # noqa: S311
    parts: tuple[list[Row], list[Row]] = ([], [])
    for row in rows:
        parts[rng.random() < 0.5].append(row)
    return parts


def generated(chain: HotelChain, seed: int, *, share: float = 1.0) -> list[Booking]:
    """Return a share of the generated bookings of two years of arrivals."""
    rng = Random(seed)  # noqa: S311
    stays = two_years(generate(chain, seed, days=WARM_UP + (LAST - FIRST).days + 1))
    return bookings_of_stays((stay for stay in stays if rng.random() < share), chain.mean_rate)


def pairs(
    fitted: Sequence[Booking], held: Sequence[Booking], runs: Sequence[Sequence[Booking]]
) -> Iterator[tuple[float, str]]:
    """Yield, for each column and pair of columns, its mean excess and its line of the table."""
    numbers: dict[str, dict[Hashable, int]] = {}
    one, other, *drawn = (_code(side, held, numbers) for side in (fitted, held, *runs))
    names = list(one)
    for joint in (*((name,) for name in names), *combinations(names, 2)):
        law = _law(other, joint)
        halves_apart = _variation(_law(one, joint), law)
        apart = [_variation(_law(run, joint), law) - halves_apart for run in drawn]
        verdict = "yes" if max(apart) <= PAIR_BOUND else "NO"
        cells = (" x ".join(joint), f"{halves_apart:.3f}", f"{fmean(apart):.3f}")
        yield fmean(apart), _line(*cells, f"{max(apart):.3f}", str(PAIR_BOUND), verdict)


def _code(
    side: Sequence[Booking], held: Sequence[Booking], numbers: dict[str, dict[Hashable, int]]
) -> Codes:
    codes = {}
    for name, column in columns(held).items():
        known = numbers.setdefault(name, {})
        codes[name] = [known.setdefault(column(one), len(known)) for one in side]
    return codes


def _law(codes: Codes, joint: Sequence[str]) -> dict[Hashable, float]:
    counts = Counter(zip(*(codes[name] for name in joint), strict=True))
    total = counts.total()
    return {value: count / total for value, count in counts.items()}


def _variation(one: dict[Hashable, float], other: dict[Hashable, float]) -> float:
    return sum(abs(one.get(key, 0.0) - other.get(key, 0.0)) for key in {*one, *other}) / 2


def ratios(
    fitted: Sequence[Booking], held: Sequence[Booking], runs: Sequence[Sequence[Booking]]
) -> Iterator[tuple[float, str]]:
    """Yield, for each figure, how far it is off and its line of the table."""
    one, other, *drawn = (figures(side) for side in (fitted, held, *runs))
    for name, wanted in other.items():
        found = fmean(run[name] for run in drawn)
        difference = name.startswith("correlation")
        if difference:
            off, shown = abs(found - wanted), f"{found - wanted:+.2f}"
            bound, within = "0.1", off <= 0.1
        else:
            ratio = found / wanted if wanted else 1.0
            off, shown = abs(ratio - 1) if ratio > 1 else 1 / max(ratio, 0.01) - 1, f"x {ratio:.2f}"
            bound, within = f"x {RATIO_BOUND}", off <= RATIO_BOUND - 1
        cells = (name, f"{one[name]:.3g}, {wanted:.3g}", f"{found:.3g}", shown, bound)
        yield off, _line(*cells, "yes" if within else "NO")


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def survey(rows: Sequence[Row], chain: HotelChain | None, seeds: int) -> Iterator[str]:
    """Yield the lines of one hotel's two tables."""
    from loadtests.calibrate.__main__ import fit_hotel  # noqa: PLC0415

    inside = [row for row in rows if FIRST <= row.arrival <= LAST]
    parts = halves(inside)
    # A chain of all bookings gives twice as many as a half has.
    volume = sum(FIRST <= row.arrival <= LAST for row in parts[0]) / ((LAST - FIRST).days + 1)
    chain = chain or HotelChain(json.loads(json.dumps(fit_hotel(parts[0]))))
    share = min(1.0, volume / chain.rows_per_day) if chain.rows_per_day > 1.5 * volume else 1.0
    fitted, held = map(bookings_of_rows, parts)
    runs = [generated(chain, seed, share=share) for seed in range(seeds)]
    for title, found in (
        ("| joint | halves | beyond, mean | beyond, worst | bound | within |", pairs),
        ("| figure | halves | generated | off | bound | within |", ratios),
    ):
        lines = sorted(found(fitted, held, runs), reverse=True)
        missed = sum(line.endswith("NO |") for _, line in lines)
        yield f"\n{missed} of {len(lines)} beyond their bounds\n\n{title}\n|---|---|---|---|---|---|"
        yield from (line for _, line in lines[:SHOWN])


def main(arguments: Sequence[str]) -> None:
    """Print the tables of both hotels."""
    seeds = int(arguments[1]) if len(arguments) > 1 else 10
    fixture = json.loads(Path(arguments[2]).read_text("utf-8")) if len(arguments) > 2 else None
    for hotel, rows in read_rows(Path(arguments[0])).items():
        print(f"\n{hotel}")
        chain = HotelChain(fixture["hotels"][hotel]) if fixture else None
        for line in survey(rows, chain, seeds):
            print(line, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
