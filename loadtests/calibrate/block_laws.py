"""Laws of the rooms of a block: the fate, the country and the party that they share."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from loadtests.calibrate.rows import Row
from rtdash.simulate.hotel import LARGE


def shared_fate(rows: Sequence[Row]) -> list[float]:
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


def shared_value(rows: Sequence[Row], value: Callable[[Row], Any]) -> list[float]:
    """Return the shares of rooms with the value of their block: of a small one, of a large one.

    Beyond the rooms of a segment that have equal values anyhow.
    """
    blocks: defaultdict[Any, list[Row]] = defaultdict(list)
    segments: defaultdict[str, Counter[Any]] = defaultdict(Counter)
    for row in rows:
        blocks[row.block].append(row)
        segments[row.segment][value(row)] += 1
    chances = {
        segment: sum(count**2 for count in counts.values()) / counts.total() ** 2
        for segment, counts in segments.items()
    }
    shared = []
    for sizes in (range(2, LARGE), range(LARGE, 1000)):
        gain = least = 0.0
        for block in blocks.values():
            pairs = len(block) * (len(block) - 1)
            if len(block) in sizes:
                chance = chances[block[0].segment]
                equal = sum(count * (count - 1) for count in Counter(map(value, block)).values())
                gain, least = gain + equal - pairs * chance, least + pairs * (1 - chance)
        shared.append(round(max(0.0, gain / least) ** 0.5, 3))
    return shared
