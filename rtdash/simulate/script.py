"""Script of one reservation: ids, order and money of its operations, in wire form."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256
from random import Random
from typing import Any

from rtdash.domain.instants import format_instant
from rtdash.domain.money import minor_digits, to_major
from rtdash.domain.venues import Venue
from rtdash.simulate.arrivals import whole_ms
from rtdash.simulate.prices import nearest_price

ARRIVALS = frozenset({"check_in", "seat", "no_show"})
"""Operations of the day of arrival; they and all later ones belong to that day."""

STEP_LEAST = timedelta(seconds=1)
"""The least time between two operations of one reservation."""


class ArrivalTime(Enum):
    """Time of an arrival at the fast pace."""

    NOW = "now"
    AT_THEIR_HOUR = "at their hour"
    NEVER = "never"

    @classmethod
    def of(cls, *, today: bool, is_open: bool) -> "ArrivalTime":
        """Return the time of an arrival: now when the venue is open, never on another day."""
        if not today:
            return cls.NEVER
        return cls.NOW if is_open else cls.AT_THEIR_HOUR


@dataclass(frozen=True, slots=True)
class TimedOperation:
    """Operation with the instant (UTC, whole ms) at which it is to be sent or has happened."""

    due: datetime
    operation: dict[str, Any]

    def with_at(self) -> "TimedOperation":
        """Return the operation as one of the past: `at` is the instant when it was due."""
        return TimedOperation(self.due, {**self.operation, "at": format_instant(self.due)})


class Ids:
    """Source of reservation ids: short, and never the same for two streams of different seed,
    venue, start or options.
    """

    def __init__(self, key: str) -> None:
        self._prefix = sha256(key.encode()).hexdigest()[:6]
        self.count = 0

    def draw(self) -> str:
        """Return the next id, such as `g3fa91c-12`."""
        self.count += 1
        return f"g{self._prefix}-{self.count}"


class Script:
    """Operations of one reservation in order; instants never go back, and never more is paid
    than is due.
    """

    def __init__(self, venue: Venue, reservation_id: str) -> None:
        self.operations: list[TimedOperation] = []
        self.amount_minor = 0
        self.paid_minor = 0
        self._venue = venue
        self._reservation_id = reservation_id
        self._unit: int = 10 ** minor_digits(venue.currency)

    @property
    def now(self) -> datetime:
        """The instant of the last operation."""
        return self.operations[-1].due

    def bring_forward(
        self, instant: datetime, rng: Random, *, step_mean_s: float, arrivals: "ArrivalTime"
    ) -> None:
        """Let the operations follow each other within minutes from `instant` on.

        The arrival and what follows it are dropped, or keep their own instants, by `arrivals`.
        """
        following: list[TimedOperation] = []
        is_own = False
        for timed in self.operations:
            if timed.operation["op"] in ARRIVALS:
                if arrivals is ArrivalTime.NEVER:
                    break
                is_own = arrivals is ArrivalTime.AT_THEIR_HOUR
            if is_own:
                instant = max(instant, timed.due)
            following.append(TimedOperation(instant, timed.operation))
            instant += STEP_LEAST
            if not is_own:
                instant += timedelta(milliseconds=int(rng.expovariate(1 / step_mean_s) * 1000))
        self.operations = following

    def money(self, amount_minor: int) -> float:
        """Major units, as the wire has them."""
        return to_major(amount_minor, self._venue.currency)

    def whole(self, amount_minor: float) -> int:
        """Return an amount rounded to whole major units, as prices are written."""
        return max(0, round(amount_minor / self._unit)) * self._unit

    def price(self, amount_minor: float, form: int) -> int:
        """Return the nearest price of a form; whole in a currency without hundredths."""
        if self._unit != 100 or amount_minor <= 0:
            return self.whole(amount_minor)
        return nearest_price(amount_minor, form)

    def step(self, due: datetime, op: str, **fields: Any) -> None:
        """Return one operation at `due`, or `STEP_LEAST` after the one before it if that is later."""
        if self.operations:
            due = max(due, self.now + STEP_LEAST)
        wire = {
            "operationId": f"{self._reservation_id}.{len(self.operations) + 1}",
            "op": op,
            "kind": self._venue.kind.value,
            "venue": self._venue.id,
            "reservationId": self._reservation_id,
            **fields,
        }
        self.operations.append(TimedOperation(whole_ms(due), wire))

    def book(
        self, due: datetime, amount_minor: int, paid_minor: int, *, pending: bool, **fields: Any
    ) -> None:
        """Return the first step; `status` and `paid` stand in it only when they say something."""
        self.amount_minor, self.paid_minor = amount_minor, paid_minor
        money = {"amount": self.money(amount_minor)} | (
            {"paid": self.money(paid_minor)} if paid_minor else {}
        )
        self.step(due, "book", **fields, **money, **({"status": "Pending"} if pending else {}))

    def reprice(self, due: datetime, amount_minor: int, **fields: Any) -> None:
        """Return an amendment with its new amount, never below what is paid."""
        self.amount_minor = max(amount_minor, self.paid_minor)
        self.step(due, "amend", **fields, amount=self.money(self.amount_minor))

    def charge(self, due: datetime, category: str, amount_minor: int) -> None:
        """Money spent; nothing is written for nothing."""
        if amount_minor > 0:
            self.amount_minor += amount_minor
            self.step(due, "charge", category=category, amount=self.money(amount_minor))

    def pay(self, due: datetime, share: float = 1.0) -> None:
        """Pay a share of what is still due."""
        balance = self.amount_minor - self.paid_minor
        amount = balance if share >= 1 else min(balance, self.whole(balance * share))
        if amount > 0:
            self.paid_minor += amount
            self.step(due, "pay", amount=self.money(amount))
