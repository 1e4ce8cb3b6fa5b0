"""Sample of whole lives of reservations, without a server: the output of `--dry-run`.

It is the demand as calibrated; the number of rooms does not limit it.
"""

from collections.abc import Iterator
from datetime import date
from itertools import islice
from operator import attrgetter

from rtdash.domain.venues import Venue, VenueKind
from rtdash.simulate.calibration import (
    TrafficProfile,
    bookings_per_room_day,
    restaurant_calibration,
)
from rtdash.simulate.distributions import seeded
from rtdash.simulate.hotel import HotelDemand
from rtdash.simulate.past import fitting_profile
from rtdash.simulate.population import Population
from rtdash.simulate.restaurant import RestaurantDemand
from rtdash.simulate.room_inventory import draw_room_type
from rtdash.simulate.script import Ids, Script, TimedOperation
from rtdash.simulate.stay_script import nightly_rate, stay_script
from rtdash.simulate.visit_script import visit_script

YEAR_DAYS = 365.25
_MOST_DAYS = 100_000


def sample(
    venue: Venue, profile: TrafficProfile | str, *, seed: int, start: date, count: int
) -> Iterator[TimedOperation]:
    """Yield the operations of `count` reservations with their `at`, by instant. They come at the
    venue's natural volume from `start` on (booked then at a hotel, for then at a restaurant); when
    that fills a year or more, at the volume that fills the nearest number of whole years.

    Raises ValueError when the profile is of the other kind of venue.
    """
    profile = fitting_profile(venue, profile)
    key = f"{seed}/{venue.id}/{profile.value}/sample/{start}/{count}"
    lives = (
        _stays(venue, profile, key, start, count)
        if venue.kind is VenueKind.HOTEL
        else _visits(venue, key, start, count)
    )
    operations = [timed.with_at() for life in islice(lives, count) for timed in life]
    operations.sort(key=attrgetter("due"))
    return iter(operations)


def _stays(
    venue: Venue, profile: TrafficProfile, key: str, start: date, count: int
) -> Iterator[list[TimedOperation]]:
    rng, people, ids = seeded(key), Population(key, timezone=venue.timezone), Ids(key)
    per_day = _whole_years(venue.total_rooms * bookings_per_room_day(profile), count)
    for stay in HotelDemand(profile, venue.zone, seed=key, per_day=per_day).stays(
        start, _MOST_DAYS
    ):
        script = Script(venue, ids.draw())
        rate = nightly_rate(script, stay, venue)
        room_type = draw_room_type(venue.room_types, stay.guests, rate, rng)
        customer = people.draw(rng, repeated=stay.repeated, country=stay.country, block=stay.block)
        stay_script(script, stay, room_type, venue, customer, rng)
        yield script.operations


def _visits(venue: Venue, key: str, start: date, count: int) -> Iterator[list[TimedOperation]]:
    rng, people, ids = seeded(key), Population(key, timezone=venue.timezone), Ids(key)
    facts = restaurant_calibration()
    covers = _whole_years(facts.busy_covers_per_day / facts.mean_party, count) * facts.mean_party
    for visits in RestaurantDemand(venue.zone, seed=key, covers_per_day=covers).visits(
        start, _MOST_DAYS
    ):
        for visit in visits:
            script = Script(venue, ids.draw())
            customer = people.draw_local(rng, repeated=visit.repeated)
            visit_script(script, visit, venue, customer, rng)
            yield script.operations


def _whole_years(natural_per_day: float, count: int) -> float:
    """Return the volume of a day at which `count` fill whole years, so that a season is in it once
    a year; the natural one for less.
    """
    years = round(count / natural_per_day / YEAR_DAYS)
    return count / (years * YEAR_DAYS) if years else natural_per_day
