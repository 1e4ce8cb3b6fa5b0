"""Script of a table: booked, confirmed, amended, seated, served, paid, left, or called off.

Figures without a source (payments in advance, orders) are marked as assumed.
"""

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from rtdash.domain.instants import format_instant
from rtdash.domain.venues import MenuCategory, MenuItem, Venue
from rtdash.simulate.arrivals import awake
from rtdash.simulate.calibration import restaurant_calibration
from rtdash.simulate.distributions import Discrete
from rtdash.simulate.hotel import Ending
from rtdash.simulate.population import Customer
from rtdash.simulate.restaurant import Visit
from rtdash.simulate.script import Script

SOURCES: Discrete[str] = Discrete(
    {"Website": 0.42, "Phone": 0.33, "Booking platform": 0.2, "Concierge": 0.05}
)
"""Channels of reservations. Assumed: the data are those of one booking system."""

WALK_IN = "Walk-in"

PENDING_SHARE = 0.1
"""Share of reservations that wait for a confirmation; all of large parties do. Assumed."""

PREPAID_SHARE = 0.12
"""Share of reservations that buy a menu in advance. Assumed."""

AMENDED_SHARE = 0.1
"""Share of reservations with a change of party or hour. Assumed."""

REVERSED = 0.01
"""Share of seatings and no-shows that are undone. Assumed."""

ORDERED = 0.4
"""Items a guest orders from a category, on average; one from the dearest. Assumed so that a check
at the venue's own prices
is near the published 35 USD a head of upscale casual dining (`average_check_per_person`)."""


def visit_script(
    script: Script, visit: Visit, venue: Venue, customer: Customer, rng: Random
) -> None:
    """Write the whole life of `visit` into `script`."""
    large = visit.party >= venue.large_party
    prepaid = (
        script.whole(_menu_price(venue) * visit.party)
        if not visit.walk_in and rng.random() < PREPAID_SHARE
        else 0
    )
    script.book(
        visit.booked_at,
        prepaid,
        prepaid,
        pending=not visit.walk_in and (large or rng.random() < PENDING_SHARE),
        customerName=customer.name,
        customerEmail=customer.email,
        customerPhone=customer.phone,
        guests=visit.party,
        source=WALK_IN if visit.walk_in else SOURCES.draw(rng),
        date=format_instant(visit.start),
        durationMinutes=visit.minutes,
    )
    cancels = _cancellation(visit, venue.zone)
    if not visit.walk_in:
        _before_start(script, visit, cancels or visit.start, venue.zone, rng)
    if cancels is not None:
        script.step(cancels, "cancel")
    elif visit.ending is Ending.NO_SHOW:
        script.step(visit.start + timedelta(minutes=rng.uniform(20, 45)), "no_show")
        if rng.random() < REVERSED:
            script.step(script.now + timedelta(minutes=5), "undo_no_show")
            _dine(script, visit, venue, script.now + timedelta(minutes=1), prepaid, rng)
    else:
        _dine(script, visit, venue, _seated_at(visit, rng), prepaid, rng)


def _cancellation(visit: Visit, zone: ZoneInfo) -> datetime | None:
    if visit.ending is not Ending.CANCELLED:
        return None
    after = max(timedelta(minutes=1), visit.cancel_fraction * (visit.start - visit.booked_at))
    return awake(visit.booked_at + after, visit.start, zone)


def _before_start(
    script: Script, visit: Visit, until: datetime, zone: ZoneInfo, rng: Random
) -> None:
    span = max(until - visit.booked_at, timedelta(0))
    if script.operations[0].operation.get("status") == "Pending":
        after = min(span * 0.5, timedelta(hours=5)) * rng.random()
        script.step(awake(visit.booked_at + after, until, zone), "confirm")
    if rng.random() < AMENDED_SHARE:
        due = visit.booked_at + span * rng.uniform(0.5, 0.95)
        script.step(
            awake(due, until, zone), "amend", guests=max(1, visit.party + rng.choice((-1, 1, 1, 2)))
        )


def _seated_at(visit: Visit, rng: Random) -> datetime:
    """Return half of the tables are taken within five minutes of the hour (published); the others
    up to a quarter later.
    """
    if visit.walk_in:
        return visit.start + timedelta(seconds=rng.uniform(20, 240))
    soon = rng.random() < restaurant_calibration().seated_at_once
    return visit.start + timedelta(minutes=rng.uniform(-3, 5) if soon else rng.uniform(5, 15))


def _dine(
    script: Script, visit: Visit, venue: Venue, seated: datetime, prepaid_minor: int, rng: Random
) -> None:
    script.step(seated, "seat")
    if rng.random() < REVERSED:
        script.step(script.now + timedelta(minutes=2), "undo_seat")
        script.step(script.now + timedelta(minutes=4), "seat")
    seated = script.now
    courses = [category for category in venue.menu if _available(category)]
    dearest = max(courses, key=_mean_price, default=None)
    minutes = timedelta(minutes=visit.minutes)
    for course, category in enumerate(courses):
        due = seated + minutes * (0.15 + 0.7 * course / len(courses))
        # A menu paid in advance leaves only the last category of the card to order: the drinks.
        if not prepaid_minor or category is courses[-1]:
            script.charge(
                due,
                category.name,
                _order(category, visit.party, everyone=category is dearest, rng=rng),
            )
    script.pay(seated + minutes * 0.97)
    script.step(seated + minutes, "complete")


def _order(category: MenuCategory, party: int, *, everyone: bool, rng: Random) -> int:
    orders = party if everyone else sum(rng.random() < ORDERED for _ in range(party))
    items = _available(category)
    return sum(rng.choice(items).price_minor for _ in range(orders))


def _menu_price(venue: Venue) -> float:
    """Return a menu bought in advance: three courses at the card's average prices."""
    prices = [_mean_price(category) for category in venue.menu if _available(category)]
    return 3 * sum(prices) / len(prices) if prices else 0.0


def _mean_price(category: MenuCategory) -> float:
    items = _available(category)
    return sum(item.price_minor for item in items) / len(items)


def _available(category: MenuCategory) -> list[MenuItem]:
    return [item for item in category.items if item.available]
