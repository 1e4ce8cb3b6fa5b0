"""Reports over business dates: trends, revenue by category, sources, customer frequency. Shapes and
sums only; rows come from outside.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

from rtdash.domain.reservations import NOT_COMING, Charge, Status
from rtdash.domain.venues import Venue, VenueKind

OTHER = "Other"
"""The category of what a restaurant earned without a menu category."""


class Period(StrEnum):
    """How far back a report goes; the wire's words."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"

    @property
    def days(self) -> int:
        """Business dates in it."""
        return 7 if self is Period.WEEKLY else 30


class ReportStay(NamedTuple):
    """Part of a reservation that reports need, as it is now; `price_minor` is its amount without
    its charges.
    """

    business_date: date
    status: Status
    guests: int
    price_minor: int
    room_type: str | None = None
    check_in: date | None = None
    check_out: date | None = None


@dataclass(frozen=True, slots=True)
class CustomerVisits:
    """Visits (CheckedOut or Completed) of one customer before the period and within it."""

    before: int
    within: int


class TrendPoint(NamedTuple):
    """One business date of a trend."""

    date: date
    reservations: int
    guests: int
    cancellations: int
    revenue_minor: int


class CategoryRevenue(NamedTuple):
    """Revenue of a category, and its share in percent."""

    category: str
    revenue_minor: int
    share: float


class SourceShare(NamedTuple):
    """Reservations of a source, and their share in percent."""

    source: str
    reservations: int
    share: float


class Segment(NamedTuple):
    """Customers with so many visits, and their share in percent."""

    visits: str
    customers: int
    share: float


@dataclass(frozen=True, slots=True)
class Frequency:
    """Customers with a visit in a period; `repeat_rate` is the percentage of them that had been
    there before it.
    """

    new_customers: int
    returning_customers: int
    repeat_rate: float
    segments: tuple[Segment, ...]


def period_range(period: Period, until: date) -> tuple[date, date]:
    """Return the first and the last business date of the period that ends with `until`."""
    return until - timedelta(days=period.days - 1), until


def nightly_split(amounts_minor: Sequence[int], nights: int) -> list[int]:
    """Return what these stays of so many nights earn on each, in whole minor units. Each amount is
    split exactly: its first nights take what doesn't divide.
    """
    each = sum(amount // nights for amount in amounts_minor)
    left = Counter(amount % nights for amount in amounts_minor)
    return [
        each + sum(number for first_nights, number in left.items() if first_nights > night)
        for night in range(nights)
    ]


def share(part: int, total: int) -> float:
    """Return the percentage with one decimal, halves up; of nothing, 0."""
    return (2000 * part + total) // (2 * total) / 10 if total else 0.0


def trend_points(
    stays: Iterable[ReportStay], charges: Iterable[Charge], *, first: date, last: date
) -> list[TrendPoint]:
    """Return one point for each business date from `first` to `last`.

    `stays` are those that start on these dates or, in a hotel, have a night on them; `charges` are
    of any reservations, since those on cancelled ones and no-shows are fees.
    """
    reservations: Counter[date] = Counter()
    guests: Counter[date] = Counter()
    cancellations: Counter[date] = Counter()
    coming: list[ReportStay] = []
    for stay in stays:
        if stay.status in NOT_COMING:
            cancellations[stay.business_date] += 1
            continue
        coming.append(stay)
        reservations[stay.business_date] += 1
        guests[stay.business_date] += stay.guests
    revenue = _earned_by_day(coming)
    for charge in charges:
        revenue[charge.business_date] += charge.amount_minor
    return [
        TrendPoint(day, reservations[day], guests[day], cancellations[day], revenue[day])
        for day in _days(first, last)
    ]


def revenue_by_category(
    venue: Venue, stays: Iterable[ReportStay], charges: Iterable[Charge], *, first: date, last: date
) -> list[CategoryRevenue]:
    """Return what was earned on the business dates from `first` to `last`, by room type (by name)
    or menu category, and by charge category.

    `stays` and `charges` as for `trend_points`. Categories without revenue are left out.
    """
    stays_of: dict[str | None, list[ReportStay]] = defaultdict(list)
    for stay in stays:
        if stay.status not in NOT_COMING:
            stays_of[stay.room_type].append(stay)
    revenue: Counter[str] = Counter()
    for room_type, alike in stays_of.items():
        revenue[_category(room_type, venue)] += sum(
            amount for day, amount in _earned_by_day(alike).items() if first <= day <= last
        )
    for charge in charges:
        if first <= charge.business_date <= last:
            revenue[charge.category] += charge.amount_minor
    total = revenue.total()
    return [
        CategoryRevenue(category, minor, share(minor, total))
        for category, minor in _ranked(revenue)
    ]


def reservation_sources(reservations: Mapping[str, int]) -> list[SourceShare]:
    """Return the sources with their shares, most first, from the reservations (neither Cancelled
    nor NoShow) that start in the period, by source.
    """
    total = sum(reservations.values())
    return [
        SourceShare(source, count, share(count, total)) for source, count in _ranked(reservations)
    ]


def customer_frequency(customers: Iterable[CustomerVisits]) -> Frequency:
    """Count the customers of a period: new ones (their first visit lies in it), returning ones, and
    segments by visits up to its end.

    Customers without a visit in the period are not counted.
    """
    came = [customer for customer in customers if customer.within]
    returning = sum(1 for customer in came if customer.before)
    segments = Counter(_segment(customer.before + customer.within) for customer in came)
    return Frequency(
        new_customers=len(came) - returning,
        returning_customers=returning,
        repeat_rate=share(returning, len(came)),
        segments=tuple(
            Segment(name, segments[name], share(segments[name], len(came))) for name in _SEGMENTS
        ),
    )


_SEGMENTS = ("1", "2", "3-5", "6+")


def _segment(visits: int) -> str:
    if visits <= 2:
        return str(visits)
    return "3-5" if visits <= 5 else "6+"


def _earned_by_day(stays: Iterable[ReportStay]) -> Counter[date]:
    """Return what stays earn on each date; those of the same nights are split together, which takes
    a quarter of the time.
    """
    revenue: Counter[date] = Counter()
    prices_of: dict[tuple[date, date], list[int]] = defaultdict(list)
    for stay in stays:
        if stay.check_in is None or stay.check_out is None:
            revenue[stay.business_date] += stay.price_minor
        else:
            prices_of[stay.check_in, stay.check_out].append(stay.price_minor)
    for (check_in, check_out), prices in prices_of.items():
        for night, amount in enumerate(nightly_split(prices, (check_out - check_in).days)):
            revenue[check_in + timedelta(days=night)] += amount
    return revenue


def _category(room_type_id: str | None, venue: Venue) -> str:
    if venue.kind is VenueKind.RESTAURANT:
        return OTHER
    room_type = venue.room_type(room_type_id or "")
    return room_type.name if room_type else room_type_id or OTHER


def _ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(
        ((name, count) for name, count in counts.items() if count),
        key=lambda entry: (-entry[1], entry[0]),
    )


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=day) for day in range((last - first).days + 1))
