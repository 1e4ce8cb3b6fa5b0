"""Counts of a run's operations by outcome, and their report for a person."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Tally:
    """Counts of one run. An operation sent and not applied, repeated or refused has no answer."""

    sent: int = 0
    applied: Counter[str] = field(default_factory=Counter)
    """Applied operations, by venue."""
    booked: Counter[str] = field(default_factory=Counter)
    """Applied `book` operations, by venue: new reservations."""
    repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Refused operations, by the code of the problem."""
    examples: dict[str, str] = field(default_factory=dict)
    """The detail of the first refusal of each code."""
    requests: int = 0
    behind_s: float = 0
    """How far the run fell behind its own pace, at most."""
    elapsed_s: float = 0
    note: str = ""
    """Work before the first operation; shown in place of the counts."""
    retries: int = 0
    retried_for: str = ""
    """Why the last request was sent again."""

    @property
    def unanswered(self) -> int:
        """Operations with an unknown outcome; sending them again is safe."""
        return self.sent - self.applied.total() - self.repeated - self.refused.total()

    def count(
        self, operations: Sequence[Mapping[str, Any]], outcomes: Sequence[Mapping[str, Any]]
    ) -> None:
        """Add the outcomes of one request, one for each of its operations."""
        self.requests += 1
        for operation, outcome in zip(operations, outcomes, strict=True):
            match outcome["outcome"]:
                case "applied":
                    self.applied[operation["venue"]] += 1
                    self.booked[operation["venue"]] += operation["op"] == "book"
                case "repeated":
                    self.repeated += 1
                case _:
                    self.refuse(outcome.get("problem") or {})

    def line(self, *, per_s: float | None = None) -> str:
        """Return one line; `per_s` is the rate to show, by default that of the whole run."""
        if self.note:
            return self.note
        overall = self.applied.total() / self.elapsed_s if self.elapsed_s else 0.0
        rate = overall if per_s is None else per_s
        parts = [
            f"{self.applied.total():,} operations applied",
            f"{self.booked.total():,} reservations",
            f"{rate:,.1f}/s",
        ]
        if self.repeated:
            parts.insert(1, f"{self.repeated:,} repeated")
        if self.refused:
            parts.append(f"{self.refused.total():,} refused")
        if self.retries:
            parts.append(
                f"{self.retries:,} retries ({self.retried_for})"
                if self.retried_for
                else f"{self.retries:,} retries"
            )
        return ", ".join(parts)

    def summary(self) -> list[str]:
        """Return lines for the end of the run: totals, then what came of each venue, then refusals
        by reason with an example.
        """
        lines = [f"{self.sent:,} operations sent in {self.elapsed_s:,.1f} s: {self.line()}"]
        lines += [
            f"  {venue}: {count:,} operations, {self.booked[venue]:,} reservations"
            for venue, count in sorted(self.applied.items())
        ]
        lines += [
            f"  refused, {code}: {count:,}   e.g. {self.examples[code]}"
            for code, count in self.refused.most_common()
        ]
        if self.unanswered:
            lines.append(
                f"  without an answer: {self.unanswered:,}   (sending them again is safe: they keep"
                " their ids)"
            )
        if self.behind_s >= 1:
            lines.append(
                f"  behind its own pace by up to {self.behind_s:.1f} s: the server, or this"
                " machine, could not keep up with the rate"
            )
        return lines

    def refuse(self, problem: Mapping[str, Any]) -> None:
        """Add a refusal: the members of its problem, `type` and `detail`."""
        code = re.split(r"[:/#]", str(problem.get("type", "unknown")))[-1]
        self.refused[code] += 1
        self.examples.setdefault(code, str(problem.get("detail", "")))
