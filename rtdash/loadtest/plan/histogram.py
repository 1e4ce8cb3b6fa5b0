"""Histogram of durations with logarithmic buckets: at most 1 % off from 10 µs to 100 s, mergeable
over processes.

The buckets are those of DDSketch (Masson, Rim, Lee, VLDB 2019): bounds grow by (1 + a) / (1 - a)
for a relative error of a.
"""

import math
from typing import Any, Self

RELATIVE_ERROR = 0.01
LEAST_S = 1e-5
MOST_S = 100.0

_GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_LOG = 1 / math.log(_GROWTH)
_BUCKETS = int(math.log(MOST_S / LEAST_S) * _PER_LOG) + 1
_CENTRE = 2 * _GROWTH / (1 + _GROWTH)


class Histogram:
    """Histogram of durations in seconds. Values outside of the range count at its ends; the
    greatest is also kept exactly.
    """

    __slots__ = ("buckets", "count", "max_s", "total_s")

    def __init__(self) -> None:
        self.count = 0
        self.total_s = 0.0
        self.max_s = 0.0
        self.buckets: dict[int, int] = {}

    def record(self, duration_s: float) -> int:
        """Add one duration; return its bucket, for `record_in` of another histogram."""
        bucket = (
            min(int(math.log(duration_s / LEAST_S) * _PER_LOG), _BUCKETS - 1)
            if duration_s > LEAST_S
            else 0
        )
        self.record_in(bucket, duration_s)
        return bucket

    def record_in(self, bucket: int, duration_s: float) -> None:
        """Add one duration of a known bucket: the logarithm is most of the cost."""
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.count += 1
        self.total_s += duration_s
        if duration_s > self.max_s:  # noqa: PLR1730 - a call costs more
            self.max_s = duration_s

    def record_pause(self, duration_s: float, every_s: float) -> None:
        """Add a pause of a periodic check, and the checks that it delayed (Tene's coordinated
        omission).
        """
        self.record(duration_s)
        while (duration_s := duration_s - every_s) > 0:
            self.record(duration_s)

    def merge(self, other: "Histogram") -> None:
        """Add all of another histogram."""
        for index, count in other.buckets.items():
            self.buckets[index] = self.buckets.get(index, 0) + count
        self.count += other.count
        self.total_s += other.total_s
        self.max_s = max(self.max_s, other.max_s)

    def quantile(self, share: float) -> float:
        """Return the duration that a share (0 to 1) of all doesn't exceed, in seconds; 0 of an
        empty histogram.
        """
        rank = max(1, math.ceil(share * self.count))
        for index in sorted(self.buckets):
            rank -= self.buckets[index]
            if rank <= 0:
                return min(LEAST_S * _GROWTH**index * _CENTRE, self.max_s)
        return 0.0

    @property
    def mean_s(self) -> float:
        """Return the exact mean in seconds; 0 of an empty histogram."""
        return self.total_s / self.count if self.count else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return all fields as JSON, for another process or a report."""
        return {
            "count": self.count,
            "total": self.total_s,
            "max": self.max_s,
            "buckets": [[index, self.buckets[index]] for index in sorted(self.buckets)],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the value that `to_json` described."""
        histogram = cls()
        histogram.count, histogram.total_s, histogram.max_s = (
            data["count"],
            data["total"],
            data["max"],
        )
        histogram.buckets = {int(index): int(count) for index, count in data["buckets"]}
        return histogram
