"""The definition of the figures at an instant: the query of the store is held to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from rtdash.domain.reservations import NOT_COMING, Status
from rtdash.domain.stats import Totals


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
