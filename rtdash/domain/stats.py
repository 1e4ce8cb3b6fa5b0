"""The dashboard's figures: what a reservation counts for at an instant, and how that compares to a
week ago (guide: rest, "What the figures mean").
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from rtdash.domain.money import to_major
from rtdash.domain.reservations import NOT_COMING, Status


class Countable(Protocol):
    """Part of a reservation that counting looks at; every kept version of one has it too."""

    @property
    def status(self) -> Status:
        """Where it stands."""

    @property
    def guests(self) -> int:
        """The party."""

    @property
    def amount_minor(self) -> int:
        """Price, in minor units."""

    @property
    def balance_minor(self) -> int:
        """Amount still to be paid, in minor units; negative after an overpayment."""


@dataclass(frozen=True, slots=True)
class Version:
    """A reservation as it was from one operation to the next: valid at T if valid_from ≤ T <
    valid_to (None: still valid).
    """

    reservation_id: str
    business_date: date
    status: Status
    guests: int
    amount_minor: int
    balance_minor: int
    valid_from: datetime
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Totals:
    """The four figures of a venue's business date; `pending_minor` is the sum of the positive
    balances.
    """

    reservations: int = 0
    prepaid: int = 0
    guests: int = 0
    pending_minor: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.reservations + other.reservations,
            self.prepaid + other.prepaid,
            self.guests + other.guests,
            self.pending_minor + other.pending_minor,
        )


def counts(countable: Countable) -> Totals:
    """Return what one reservation adds to the figures of its business date: nothing when no guest
    is coming.
    """
    if countable.status in NOT_COMING:
        return Totals()
    is_prepaid = countable.amount_minor > 0 and countable.balance_minor <= 0
    return Totals(1, int(is_prepaid), countable.guests, max(0, countable.balance_minor))


def totals_at(versions: Iterable[Version], business_date: date, instant: datetime) -> Totals:
    """The figures of a business date as they were at `instant`, from versions of any dates and
    times.
    """
    totals = Totals()
    for version in versions:
        is_valid = version.valid_from <= instant and (
            version.valid_to is None or instant < version.valid_to
        )
        if is_valid and version.business_date == business_date:
            totals += counts(version)
    return totals


def trend(now: int, before: int) -> int | None:
    """Percent change in whole numbers, halves away from zero; None when there is nothing to compare
    with.

    Neither figure is negative.
    """
    if before == 0:
        return None
    change = now - before
    percent = (200 * abs(change) + before) // (2 * before)
    return percent if change >= 0 else -percent


def dashboard_stats(now: Totals, week_ago: Totals, currency: str) -> dict[str, int | float | None]:
    """The eight figures of `stats_update` in the order of the requirements; money in major
    units.
    """
    return {
        "reservationsToday": now.reservations,
        "prepaidReservations": now.prepaid,
        "expectedGuests": now.guests,
        "pendingPayments": to_major(now.pending_minor, currency),
        "pendingPaymentsTrend": trend(now.pending_minor, week_ago.pending_minor),
        "reservationsTrend": trend(now.reservations, week_ago.reservations),
        "prepaidTrend": trend(now.prepaid, week_ago.prepaid),
        "guestsTrend": trend(now.guests, week_ago.guests),
    }
