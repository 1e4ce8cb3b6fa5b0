"""Compare generated tables with the published aggregates of restaurants: margins and joints.

    python -m loadtests.calibrate.restaurants [SEEDS]

Laws are compared by total variation, single figures by their ratio.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import fmean, median
from typing import Any
from zoneinfo import ZoneInfo

from rtdash.simulate.calibration import WEEKDAYS, read_raw, restaurant_calibration
from rtdash.simulate.hotel import Ending
from rtdash.simulate.restaurant import RestaurantDemand, Visit

ZONE = ZoneInfo("Europe/Lisbon")
FIRST, DAYS = date(2016, 1, 4), 7 * 52 * 8
LAW_BOUND, RATIO_BOUND = 0.05, 1.3

_PARTIES = ((9, 12), (13, 20), (21, 1000))
Test = Callable[[Visit], bool]


def party_of(visit: Visit) -> str:
    """Return the published class of a party."""
    for low, high in _PARTIES:
        if low <= visit.party <= high:
            return f"{low}-{high}" if high < 1000 else f"{low}+"
    return str(visit.party)


def local(instant: datetime) -> datetime:
    """Return the wall clock of an instant."""
    return instant.astimezone(ZONE)


def table(visits: Sequence[Visit]) -> Iterator[str]:
    """Yield the lines of one run."""
    raw = read_raw("restaurant")["recruit_air"]
    reserved = [visit for visit in visits if not visit.walk_in]

    def hours(visit: Visit) -> str:
        return str(local(visit.start).hour)

    def on(*days: int) -> Test:
        return lambda visit: local(visit.start).weekday() in days

    def at(hours: range) -> Test:
        return lambda visit: local(visit.start).hour in hours

    index = raw["visit_dow_index_reservations"]
    weekdays = {day: value / sum(index.values()) for day, value in index.items()}
    laws: list[tuple[str, Mapping[str, float], Callable[[Visit], str], Test]] = [
        ("party", raw["party_size"]["share"], party_of, lambda _: True),
        ("party at lunch", raw["party_size_share_lunch_11_14"], party_of, at(range(11, 15))),
        ("party at dinner", raw["party_size_share_dinner_17_22"], party_of, at(range(17, 23))),
        ("weekday", weekdays, lambda visit: WEEKDAYS[local(visit.start).weekday()], lambda _: True),
        ("hour", raw["visit_hour_share_reservations"], hours, lambda _: True),
        ("hour, Monday to Thursday", raw["visit_hour_share_weekday"], hours, on(0, 1, 2, 3)),
        ("hour, Friday and Saturday", raw["visit_hour_share_fri_sat"], hours, on(4, 5)),
        ("hour, Sunday", raw["visit_hour_share_sun"], hours, on(6)),
        ("days of lead", raw["lead_calendar_days_share"], _lead_days, lambda _: True),
        ("hours of lead", raw["lead_hours_bucket_share"], _lead_hours, lambda _: True),
        ("hour of booking", raw["booking_made_hour_share"],
         lambda visit: str(local(visit.booked_at).hour), lambda _: True),
        ("weekday of booking", raw["booking_made_dow_share"],
         lambda visit: WEEKDAYS[local(visit.booked_at).weekday()], lambda _: True),
    ]  # fmt: skip
    for name, law, value, test in laws:
        found = Counter(value(visit) for visit in reserved if test(visit))
        apart = sum(abs(law.get(k, 0) - found[k] / found.total()) for k in {*law, *found}) / 2
        yield f"| {name} | {apart:.3f} | {LAW_BOUND} | {'yes' if apart <= LAW_BOUND else 'NO'} |"
    covers = Counter[str]()
    for visit in reserved:
        covers[hours(visit)] += visit.party
    law = raw["visit_hour_share_covers"]
    apart = sum(abs(law.get(k, 0) - covers[k] / covers.total()) for k in {*law, *covers}) / 2
    yield f"| hour x covers | {apart:.3f} | {LAW_BOUND} | {'yes' if apart <= LAW_BOUND else 'NO'} |"
    for name, published, value in _figures(raw, visits, reserved):
        ratio = value / published
        within = 1 / RATIO_BOUND <= ratio <= RATIO_BOUND
        yield (
            f"| {name} | {published:.3f}, {value:.3f}: x {ratio:.2f} | x {RATIO_BOUND} |"
            f" {'yes' if within else 'NO'} |"
        )


def _figures(
    raw: Mapping[str, Any], visits: Sequence[Visit], reserved: Sequence[Visit]
) -> Iterator[tuple[str, float, float]]:
    """Yield name, published figure and generated one."""
    facts = restaurant_calibration()
    for party, hours in raw["lead_hours_median_by_party"].items():
        leads = [_floored_lead(visit) for visit in reserved if party_of(visit) == party]
        yield f"median lead in hours, party of {party}", hours, median(leads)
    for low, high, minutes in ((1, 2, 75), (3, 4, 90), (5, 6, 100), (7, 9, 115), (10, 20, 125)):
        turns = [
            visit.minutes
            for visit in reserved
            if low <= visit.party <= high and local(visit.start).hour in range(17, 23)
        ]
        yield f"turn time in minutes at dinner, party of {low} to {high}", minutes, fmean(turns)
    endings = Counter(visit.ending for visit in reserved)
    cancelled = endings[Ending.CANCELLED] / len(reserved)
    kept = len(reserved) - endings[Ending.CANCELLED]
    yield "cancelled", facts.cancel_rate, cancelled
    yield "no-shows of the others", facts.no_show_rate, endings[Ending.NO_SHOW] / kept
    seated = sum(visit.party for visit in reserved)
    share = seated / sum(visit.party for visit in visits)
    yield "reserved share of covers", 1 - facts.walk_in_share, share
    means = raw["visitors_mean_by_dow"]
    by_day = Counter[str]()
    for visit in visits:
        by_day[WEEKDAYS[local(visit.start).weekday()]] += visit.party
    mean = fmean(means.values())
    for day, value in means.items():
        yield f"covers on {day} / mean", value / mean, by_day[day] * 7 / by_day.total()


def _floored_lead(visit: Visit) -> int:
    """Return the lead in hours as the source has it: both instants floored to the hour."""
    start, booked = (
        instant.replace(minute=0, second=0, microsecond=0)
        for instant in (visit.start, visit.booked_at)
    )
    return int((start - booked) / timedelta(hours=1))


def _lead_days(visit: Visit) -> str:
    days = (local(visit.start).date() - local(visit.booked_at).date()).days
    bounds = (
        (0, "0"),
        (1, "1"),
        (3, "2-3"),
        (7, "4-7"),
        (14, "8-14"),
        (30, "15-30"),
        (60, "31-60"),
    )
    return next((name for most, name in bounds if days <= most), "61+")


def _lead_hours(visit: Visit) -> str:
    hours = _floored_lead(visit)
    bounds = (
        (1, "<1h"), (2, "1-2h"), (4, "2-4h"), (8, "4-8h"), (24, "8-24h"), (48, "1-2d"),
        (96, "2-4d"), (168, "4-7d"), (336, "7-14d"), (720, "14-30d"),
    )  # fmt: skip
    return next((name for most, name in bounds if hours < most), "30d+")


def main(arguments: Sequence[str]) -> None:
    """Print the table of all seeds together."""
    covers = restaurant_calibration().covers_per_day
    visits = [
        visit
        for seed in range(int(arguments[0]) if arguments else 10)
        for day in RestaurantDemand(ZONE, seed=f"joints/{seed}", covers_per_day=covers).visits(
            FIRST, DAYS
        )
        for visit in day
    ]
    print("| figure | apart, or published and generated | bound | within |\n|---|---|---|---|")
    for line in table(visits):
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
