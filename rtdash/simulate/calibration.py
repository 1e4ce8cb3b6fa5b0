"""The published aggregates, read once: what the generators draw from. No figure of the files stands
in code.

Hotels: Antonio N., de Almeida A., Nunes L. (2019) Hotel booking demand datasets, Data in Brief
22:41-49,
https://doi.org/10.1016/j.dib.2018.11.126 (CC BY 4.0). Restaurants: the sources named in
`restaurant.json`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from statistics import fmean
from typing import Any

from rtdash.resources import data_path
from rtdash.simulate.distributions import Discrete, Quantiles

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


SERVING_HOURS = (0, *range(11, 24))
"""Local hours at which tables are taken. Of the source's visits 1.2 % have others."""


class TrafficProfile(StrEnum):
    """Venue with the habits that the traffic has: the data set's resort (H1) or city hotel (H2), or
    restaurants.
    """

    RESORT = "resort"
    CITY = "city"
    RESTAURANT = "restaurant"


HOTEL_KEYS = {TrafficProfile.RESORT: "H1", TrafficProfile.CITY: "H2"}


@dataclass(frozen=True, slots=True)
class RestaurantCalibration:
    """Restaurants. Leads: whole days before the day of the visit, and hours when it is the same
    day; hours of day 0-23.
    """

    lead_days: Discrete[str]
    same_day_share: float
    same_day_hours: Quantiles
    party: Discrete[str]
    party_lunch: Discrete[str]
    party_dinner: Discrete[str]
    lead_median_by_party: Mapping[str, float]
    hours_by_weekday: tuple[Discrete[int], ...]
    walk_in_hours: Discrete[int]
    weekdays: tuple[float, ...]
    cover_weekdays: tuple[float, ...]
    booking_hours: Discrete[int]
    booking_weekdays: tuple[float, ...]
    mean_party: float
    covers_per_day: float
    busy_covers_per_day: float
    dispersion: float
    cancel_rate: float
    no_show_rate: float
    walk_in_share: float
    seated_at_once: float
    lunch_turn: float
    turn_minutes: tuple[tuple[int, float], ...]


@cache
def read_raw(name: str) -> dict[str, Any]:
    """Return the aggregates of `hotel` or `restaurant` as they stand in the file."""
    raw: dict[str, Any] = json.loads(
        data_path("fixtures", "calibration", f"{name}.json").read_text("utf-8")
    )
    return raw


@cache
def bookings_per_room_day(profile: TrafficProfile) -> float:
    """Return the bookings that a room of the hotel brings a day. Raises KeyError for restaurants."""
    raw = read_raw("hotel")["hotels"][HOTEL_KEYS[profile]]
    mean: float = raw["bookings_created_per_day_2016"]["mean"]
    rooms: float = raw["rooms_in_house_per_night"]["max"]
    return mean / rooms


@cache
def restaurant_calibration() -> RestaurantCalibration:
    """Recruit's reservations where they measure it, else what vendors published, else the suggested
    defaults.
    """
    raw = read_raw("restaurant")
    air, published, chosen = (
        raw["recruit_air"],
        raw["published"],
        raw["suggested_defaults"]["status_flow"],
    )
    turns = published["turn_time_minutes"]
    by_class = [_visits(air[f"visit_hour_share_{name}"]) for name in ("weekday", "fri_sat", "sun")]
    return RestaurantCalibration(
        lead_days=Discrete(
            {days: share for days, share in air["lead_calendar_days_share"].items() if days != "0"}
        ),
        same_day_share=air["same_day_share"],
        same_day_hours=_same_day_hours(air),
        party=Discrete(air["party_size"]["share"]),
        party_lunch=Discrete(air["party_size_share_lunch_11_14"]),
        party_dinner=Discrete(air["party_size_share_dinner_17_22"]),
        lead_median_by_party=air["lead_hours_median_by_party"],
        hours_by_weekday=tuple(by_class[0 if day < 4 else 1 if day < 6 else 2] for day in range(7)),
        walk_in_hours=_visits(air["visit_hour_share_covers"]),
        weekdays=_shares(air["visit_dow_index_reservations"]),
        cover_weekdays=_shares(air["visitors_mean_by_dow"]),
        booking_hours=_hours(air["booking_made_hour_share"]),
        booking_weekdays=_shares(air["booking_made_dow_share"]),
        mean_party=air["party_size"]["mean"],
        covers_per_day=air["visitors_per_open_day"]["mean"],
        busy_covers_per_day=air["visitors_per_open_day"]["p95"],
        dispersion=air["visitors_var_over_mean_within_restaurant"]["p50"],
        cancel_rate=chosen["cancel_rate"],
        no_show_rate=chosen["no_show_rate_of_uncancelled"],
        walk_in_share=chosen["walk_in_share_of_covers"],
        lunch_turn=fmean(turns["by_concept_planning"]["casual_lunch"])
        / fmean(turns["by_concept_planning"]["casual_dinner"]),
        seated_at_once=published["toast_q3_2023"]["seated_within_5_min_of_reserved_time"],
        turn_minutes=_by_lower_bound(turns["planning_by_party_rst_epos"]),
    )


def _same_day_hours(air: Mapping[str, Any]) -> Quantiles:
    """Return hours between booking and visit on the same day, from the buckets of all leads.

    The source floors both instants to the hour, and tables start on the hour mostly: its 5 hours
    are 4 to 5 and some minutes. Hence
    the half hours; the knot of p25 = 5 stands in the middle of what is counted as 5.
    """
    buckets, same_day, p25 = (
        air["lead_hours_bucket_share"],
        air["same_day_share"],
        air["lead_hours"]["p25"],
    )
    under: list[tuple[float, float]] = [(0.0, 0.0)]
    for hours, bucket in ((1, "<1h"), (2, "1-2h"), (4, "2-4h"), (8, "4-8h")):
        under.append((hours - 0.5, under[-1][1] + buckets[bucket]))
    under = sorted([*under, (p25, 0.25), (24, same_day)])
    return Quantiles([share / same_day for _, share in under], [hours for hours, _ in under])


def _hours(shares: Mapping[str, float]) -> Discrete[int]:
    """Return the hours of a day that have a share of half a per mille at least."""
    return Discrete({int(hour): share for hour, share in shares.items() if share >= 0.0005})


def _visits(shares: Mapping[str, float]) -> Discrete[int]:
    """Return the hours at which a restaurant serves; the sources have a few bars among them."""
    return Discrete({hour: shares.get(str(hour), 0.0) for hour in SERVING_HOURS})


def _shares(by_weekday: Mapping[str, float]) -> tuple[float, ...]:
    values = _in_order(by_weekday, WEEKDAYS)
    return tuple(value / sum(values) for value in values)


def _in_order(by_name: Mapping[str, float], names: Sequence[str]) -> tuple[float, ...]:
    return tuple(by_name[name] for name in names)


def _by_lower_bound(buckets: Mapping[str, Any]) -> tuple[tuple[int, float], ...]:
    """Return `{"1-2": 75, "2-4": 90, "5+": 100, "source": …}` as ((1, 75), (3, 90), (5, 100)).

    Where two buckets share a bound, it is of the first: a table for 2 is no table for 4.
    """
    bounds: list[tuple[int, float]] = []
    taken = 0
    for name, value in buckets.items():
        if name[0].isdigit():
            low, _, high = name.rstrip("+").partition("-")
            bounds.append((max(int(low), taken + 1), value))
            taken = int(high or low)
    return tuple(bounds)
