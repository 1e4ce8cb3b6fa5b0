"""The published aggregates, read once: what the generators draw from. No figure of the files stands
in code.

Hotels: Antonio N., de Almeida A., Nunes L. (2019) Hotel booking demand datasets, Data in Brief
22:41-49,
https://doi.org/10.1016/j.dib.2018.11.126 (CC BY 4.0). Restaurants: the sources named in
`restaurant.json`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from rtdash.domain.venues import Venue, VenueKind
from rtdash.resources import data_path
from rtdash.simulate.distributions import Discrete, Quantiles

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NON_REFUND = "Non Refund"
BLOCK_SEGMENT = "Groups"


class Profile(StrEnum):
    """Whose habits the traffic has: the data set's resort (H1) or city hotel (H2), or
    restaurants.
    """

    RESORT = "resort"
    CITY = "city"
    RESTAURANT = "restaurant"


HOTEL_KEYS = {Profile.RESORT: "H1", Profile.CITY: "H2"}


@dataclass(frozen=True, slots=True)
class Segment:
    """A market segment of a hotel. Shares are of its bookings; `log_leads` are ln(1 + days);
    `rate_mean`, `rate_sd` as multiples of the month's ADR.
    """

    name: str
    share: float
    log_leads: Quantiles
    nights: Discrete[int]
    adults: Discrete[int]
    children_of_lone: float
    children_of_others: float
    repeated: float
    deposits: Discrete[str]
    calls_off: float
    no_show: float
    rate_mean: float
    rate_sd: float


@dataclass(frozen=True, slots=True)
class HotelCalibration:
    """One hotel of the data set. Weekday and month lists start with Monday and January and are
    shares.
    """

    segments: tuple[Segment, ...]
    children: Discrete[int]
    children_by_month: tuple[float, ...]
    rate_by_month: tuple[float, ...]
    created_weekdays: tuple[float, ...]
    arrival_weekdays: tuple[float, ...]
    arrival_months: tuple[float, ...]
    bookings_per_room_day: float
    bookings_per_day: float
    dispersion: float
    calls_off_by_lead: tuple[tuple[int, float], ...]
    non_refund_calls_off: float
    cancel_fraction: Quantiles
    changes: Discrete[int]


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
    mean_party: float
    covers_per_day: float
    busy_covers_per_day: float
    dispersion: float
    cancel_rate: float
    no_show_rate: float
    walk_in_share: float
    seated_at_once: float
    turn_minutes: tuple[tuple[int, float], ...]


def default_profile(venue: Venue) -> Profile:
    """Return the habits that fit a venue when nobody chose."""
    return Profile.RESORT if venue.kind is VenueKind.HOTEL else Profile.RESTAURANT


@cache
def read_raw(name: str) -> dict[str, Any]:
    """Return the aggregates of `hotel` or `restaurant` as they stand in the file."""
    raw: dict[str, Any] = json.loads(
        data_path("fixtures", "calibration", f"{name}.json").read_text("utf-8")
    )
    return raw


@cache
def hotel_calibration(profile: Profile) -> HotelCalibration:
    """Return one of the two hotels of the data set. Raises KeyError for the restaurant's profile."""
    raw = read_raw("hotel")["hotels"][HOTEL_KEYS[profile]]
    created = raw["bookings_created_per_day_2016"]
    months = _in_order(raw["arrival_month_share_24_full_months"], MONTHS)
    rates = [raw["adr_eur_by_month"][month]["mean"] for month in MONTHS]
    mean_rate = sum(rate * share for rate, share in zip(rates, months, strict=True)) / sum(months)
    children = _in_order(raw["with_children_share_by_month"], MONTHS)
    return HotelCalibration(
        segments=tuple(
            _segment(name, facts, raw)
            for name, facts in raw["by_segment"].items()
            if name != "Undefined"
        ),
        children=Discrete({size: raw["children_share"][str(size)] for size in (1, 2, 3)}),
        children_by_month=tuple(share / raw["with_children_or_babies_share"] for share in children),
        rate_by_month=tuple(rate / mean_rate for rate in rates),
        created_weekdays=_in_order(raw["booking_created_dow_share"], WEEKDAYS),
        arrival_weekdays=_in_order(raw["arrival_dow_share"], WEEKDAYS),
        arrival_months=months,
        bookings_per_room_day=created["mean"] / raw["rooms_in_house_per_night"]["max"],
        bookings_per_day=created["mean"],
        dispersion=created["dispersion_var_over_mean"],
        calls_off_by_lead=_by_lower_bound(raw["no_deposit_only"]["cancel_rate_by_lead_bucket"]),
        non_refund_calls_off=raw["cancel_rate_by_deposit_type"][NON_REFUND]["rate"],
        cancel_fraction=_cancel_fraction(raw["cancel_fraction_of_lead_elapsed"]),
        changes=Discrete(
            {int(count.rstrip("+")): share for count, share in raw["booking_changes_share"].items()}
        ),
    )


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
    by_class = [_hours(air[f"visit_hour_share_{name}"]) for name in ("weekday", "fri_sat", "sun")]
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
        walk_in_hours=_hours(air["visit_hour_share_covers"]),
        weekdays=_shares(air["visit_dow_index_reservations"]),
        cover_weekdays=_shares(air["visitors_mean_by_dow"]),
        booking_hours=_hours(air["booking_made_hour_share"]),
        mean_party=air["party_size"]["mean"],
        covers_per_day=air["visitors_per_open_day"]["mean"],
        busy_covers_per_day=air["visitors_per_open_day"]["p95"],
        dispersion=air["visitors_var_over_mean_within_restaurant"]["p50"],
        cancel_rate=chosen["cancel_rate"],
        no_show_rate=chosen["no_show_rate_of_uncancelled"],
        walk_in_share=chosen["walk_in_share_of_covers"],
        seated_at_once=published["toast_q3_2023"]["seated_within_5_min_of_reserved_time"],
        turn_minutes=_by_lower_bound(published["turn_time_minutes"]["planning_by_party_rst_epos"]),
    )


def _segment(name: str, facts: Mapping[str, Any], hotel: Mapping[str, Any]) -> Segment:
    # Rooms of one adult and a child are what parties of one fall short of rooms of one adult.
    lone_adults, alone = hotel["adults_share"]["1"], hotel["party_size"]["share"]["1"]
    lone_factor = (lone_adults - alone) / (lone_adults * hotel["with_children_or_babies_share"])
    ranks = [point / 100 for point in facts["lead_decile_points"]]
    # Above the last published quantile there is the whole hotel's longest lead, but no segment's:
    # the last slope goes on.
    last = facts["lead_deciles"][-1]
    slope = (last - facts["lead_deciles"][-2]) / (ranks[-1] - ranks[-2])
    leads = [*facts["lead_deciles"], last + slope * (1 - ranks[-1])]
    # Straight lines in ln(1 + days): leads are near lognormal (`lead_time_fit`), so between two
    # deciles the shorter are the more frequent.
    log_leads = Quantiles([*ranks, 1.0], [math.log1p(days) for days in leads])
    lone = facts["adults_share"]["1"]
    return Segment(
        name=name,
        share=facts["share"],
        log_leads=log_leads,
        nights=_nights(facts["stay_share"], hotel["stay_nights"]["share_fine"]),
        adults=Discrete({int(count): share for count, share in facts["adults_share"].items()}),
        children_of_lone=facts["with_children_share"] * lone_factor,
        children_of_others=facts["with_children_share"] * (1 - lone * lone_factor) / (1 - lone),
        repeated=facts["repeated_guest_share"],
        deposits=Discrete(facts["deposit_share"]),
        calls_off=facts["cancel_or_noshow_rate_no_deposit_only"],
        no_show=facts["no_show_share"],
        rate_mean=facts["adr_multiplier_vs_month_mean"],
        rate_sd=facts["adr_multiplier_sd"],
    )


def _nights(coarse: Mapping[str, float], fine: Mapping[str, float]) -> Discrete[int]:
    """Nights of a segment; its "8+" is split like the whole hotel's. Bookings of no night (day use)
    can't be booked here.

    "15+" is taken as 15 to 28 nights, falling by a fifth a night: an assumption about 0.7 % of the
    bookings.
    """
    weights = {nights: coarse[str(nights)] for nights in range(1, 8)}
    tail = {nights: fine[str(nights)] for nights in range(8, 15)}
    falling = [0.8**step for step in range(14)]
    tail |= {15 + step: fine["15+"] * weight / sum(falling) for step, weight in enumerate(falling)}
    return Discrete(
        weights
        | {nights: coarse["8+"] * weight / sum(tail.values()) for nights, weight in tail.items()}
    )


def _cancel_fraction(raw: Mapping[str, float]) -> Quantiles:
    points = ("p10", "p25", "p50", "p75", "p90")
    return Quantiles(
        [0.0, *(int(point[1:]) / 100 for point in points), 1.0],
        [0.0, *(raw[point] for point in points), 1.0],
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
    return Discrete({int(hour): share for hour, share in shares.items()})


def _shares(by_weekday: Mapping[str, float]) -> tuple[float, ...]:
    values = _in_order(by_weekday, WEEKDAYS)
    return tuple(value / sum(values) for value in values)


def _in_order(by_name: Mapping[str, float], names: Sequence[str]) -> tuple[float, ...]:
    return tuple(by_name[name] for name in names)


def _by_lower_bound(buckets: Mapping[str, Any]) -> tuple[tuple[int, float], ...]:
    """`{"1-2": 75, "5+": 90, "source": …}` as ((1, 75), (5, 90))."""
    return tuple(
        (int(name.split("-")[0].rstrip("+")), value)
        for name, value in buckets.items()
        if name[0].isdigit()
    )
