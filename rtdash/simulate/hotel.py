"""What a hotel's guests ask for: segment first, then lead time, nights, party, deposit, and how it
ends.

Arrival month, arrival weekday, the weekday of booking and each segment's leads are published
margins of one joint law:
P(created, segment, lead) ∝ segment · lead · tilt · created weekday · arrival weekday · arrival
month (see `arrivals.fit_weekdays`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from rtdash.simulate.arrivals import (
    HOTEL_BOOKING_HOURS,
    DayStrength,
    WeekdayFit,
    burst_instants,
    day_variance,
    days_from,
    fit_weekdays,
    lead_class,
)
from rtdash.simulate.calibration import (
    BLOCK_SEGMENT,
    NON_REFUND,
    HotelCalibration,
    Profile,
    Segment,
    hotel_calibration,
)
from rtdash.simulate.distributions import draw_geometric, draw_lognormal, seeded

LONGEST_LEAD_DAYS = 740
"""The data set's longest is 737 days."""

BLOCK_ROOMS = 3.0
"""Mean rooms of a group's block, booked at once for the same nights. Assumed: 15 % and 33 % of the
rows are exact repeats of another,
but nothing in them tells a block from a copy."""

_LEAD_POINTS = 200
_SEASON_POINTS = 25


class Ending(StrEnum):
    """How a booking ends."""

    STAYED = "stayed"
    CANCELLED = "cancelled"
    NO_SHOW = "no-show"


@dataclass(frozen=True, slots=True)
class Stay:
    """A hotel booking before it has a room: everything that the calibration tells.

    `rate_factor` multiplies the base rate of whatever room it gets; `cancel_fraction` is the
    elapsed share of the lead when it is
    cancelled; `block` is shared by the rooms of a group.
    """

    segment: str
    booked_at: datetime
    check_in: date
    lead_days: int
    nights: int
    adults: int
    children: int
    deposit: str
    ending: Ending
    cancel_fraction: float
    changes: int
    repeated: bool
    rate_factor: float
    block: int | None = None

    @property
    def guests(self) -> int:
        """Everybody who comes."""
        return self.adults + self.children

    @property
    def check_out(self) -> date:
        """The day of leaving."""
        return self.check_in + timedelta(days=self.nights)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What follows from a calibration alone. `events` are the segments' weights by weekday of
    booking, a block counting as one.
    """

    calibration: HotelCalibration
    fit: WeekdayFit
    events: tuple[tuple[float, ...], ...]
    rows_per_event: float
    months: tuple[float, ...]
    bounds: tuple[float, ...]
    calls_off: tuple[float, ...]
    typical_leads: tuple[tuple[int, ...], ...]


class HotelDemand:
    """The bookings that a hotel is asked for; `per_day` of them on average over a year."""

    def __init__(self, profile: Profile, zone: ZoneInfo, *, seed: str, per_day: float) -> None:
        self._zone = zone
        self._per_day = per_day
        self._prepared = _prepare(profile)
        self._rng = seeded(f"{seed}/hotel")
        facts = self._prepared.calibration
        variance = day_variance(
            facts.dispersion, facts.bookings_per_day, per_day, facts.created_weekdays
        )
        self._strength = DayStrength(seed, variance)
        self._blocks = 0
        self._segment_weights = lru_cache(maxsize=4)(self._weigh_segments)

    def stays(self, first: date, days: int) -> Iterator[Stay]:
        """Yield all bookings made on `days` local dates from `first` on, in the order of booking."""
        for day in days_from(first, days):
            weights = self._segment_weights(day)
            mean = self._per_day / self._prepared.rows_per_event * weights[-1] * self._strength(day)
            for instant in burst_instants(self._rng, day, mean, HOTEL_BOOKING_HOURS, self._zone):
                yield from self._event(instant, day, weights)

    def stays_at(self, instant: datetime, *, lead_days: int | None = None) -> list[Stay]:
        """What is asked for by one booking made at `instant`: one stay, or the rooms of a block.
        `lead_days` overrules the lead.
        """
        day = instant.astimezone(self._zone).date()
        return list(self._event(instant, day, self._segment_weights(day), lead_days=lead_days))

    def _weigh_segments(self, day: date) -> list[float]:
        """Cumulative weights of the segments among the events of a day; the last is the day's
        season and weekday (mean 1).
        """
        return list(
            accumulate(
                map(
                    float.__mul__,
                    _season(self._prepared, day),
                    self._prepared.events[day.weekday()],
                )
            )
        )

    def _event(
        self, instant: datetime, day: date, weights: list[float], *, lead_days: int | None = None
    ) -> Iterator[Stay]:
        rank = self._rng.random() * weights[-1]
        index = next(position for position, weight in enumerate(weights) if rank < weight)
        segment = self._prepared.calibration.segments[index]
        lead = self._draw_lead(index, day) if lead_days is None else lead_days
        nights = segment.nights.draw(self._rng)
        if segment.name != BLOCK_SEGMENT:
            yield self._stay(index, instant, day, lead, nights, None)
            return
        self._blocks += 1
        for _ in range(draw_geometric(self._rng, BLOCK_ROOMS)):
            yield self._stay(index, instant, day, lead, nights, self._blocks)

    def _draw_lead(self, index: int, day: date) -> int:
        """Return a lead of the segment, kept with the weight of the day on which it arrives."""
        prepared, rng = self._prepared, self._rng
        log_leads, tilts = prepared.calibration.segments[index].log_leads, prepared.fit.tilts[index]
        while True:
            lead = _whole_days(log_leads.draw(rng))
            arrival = day + timedelta(days=lead)
            weight = (
                tilts[lead_class(lead)]
                * prepared.fit.arriving[arrival.weekday()]
                * prepared.months[arrival.month - 1]
            )
            if rng.random() * prepared.bounds[index] < weight:
                return lead

    def _stay(
        self, index: int, instant: datetime, day: date, lead: int, nights: int, block: int | None
    ) -> Stay:
        rng, facts = self._rng, self._prepared.calibration
        segment = facts.segments[index]
        arrival = day + timedelta(days=lead)
        deposit = segment.deposits.draw(rng)
        adults, children = self._draw_party(segment, arrival)
        factor = facts.rate_by_month[arrival.month - 1] * draw_lognormal(
            rng, segment.rate_mean, segment.rate_sd / segment.rate_mean
        )
        return Stay(
            segment=segment.name,
            booked_at=instant,
            check_in=arrival,
            lead_days=lead,
            nights=nights,
            adults=adults,
            children=children,
            deposit=deposit,
            ending=self._draw_ending(index, lead, deposit),
            cancel_fraction=facts.cancel_fraction.draw(rng),
            changes=facts.changes.draw(rng),
            repeated=rng.random() < segment.repeated,
            rate_factor=factor,
            block=block,
        )

    def _draw_party(self, segment: Segment, arrival: date) -> tuple[int, int]:
        rng, facts = self._rng, self._prepared.calibration
        adults = segment.adults.draw(rng)
        rate = segment.children_of_lone if adults == 1 else segment.children_of_others
        has_children = rng.random() < rate * facts.children_by_month[arrival.month - 1]
        # The few rooms without an adult (connecting rooms of a family) hold its children.
        return adults, facts.children.draw(rng) if has_children or not adults else 0

    def _draw_ending(self, index: int, lead: int, deposit: str) -> Ending:
        """Non-refundable rows are tentative blocks, nearly all cancelled (see the file's caveats);
        else by segment and lead.
        """
        prepared, rank = self._prepared, self._rng.random()
        facts = prepared.calibration
        if deposit == NON_REFUND:
            return Ending.CANCELLED if rank < facts.non_refund_calls_off else Ending.STAYED
        if rank < facts.segments[index].no_show:
            return Ending.NO_SHOW
        return (
            Ending.CANCELLED
            if rank < prepared.calls_off[index] * _by_lead(facts, lead)
            else Ending.STAYED
        )


@cache
def _prepare(profile: Profile) -> _Prepared:
    facts = hotel_calibration(profile)
    total = sum(segment.share for segment in facts.segments)
    shares = []
    for segment in facts.segments:
        row = [0.0] * 35
        for days in segment.log_leads.middles(_LEAD_POINTS):
            row[lead_class(_whole_days(days))] += segment.share / total / _LEAD_POINTS
        shares.append(row)
    fit = fit_weekdays(shares, facts.created_weekdays, facts.arrival_weekdays)
    months = tuple(
        share * 365.25 / days for share, days in zip(facts.arrival_months, _MONTH_DAYS, strict=True)
    )
    rows = [BLOCK_ROOMS if segment.name == BLOCK_SEGMENT else 1.0 for segment in facts.segments]
    events = tuple(
        tuple(_weekday_mass(fit, index, row, day) / rows[index] for index, row in enumerate(shares))
        for day in range(7)
    )
    mean_events = sum(sum(row) for row in events) / 7
    return _Prepared(
        calibration=facts,
        fit=fit,
        events=tuple(tuple(weight / mean_events for weight in row) for row in events),
        rows_per_event=1 / mean_events,
        months=months,
        bounds=tuple(max(row) * max(fit.arriving) * max(months) for row in fit.tilts),
        calls_off=tuple(_calls_off_scale(facts, segment) for segment in facts.segments),
        typical_leads=tuple(
            tuple(map(_whole_days, segment.log_leads.middles(_SEASON_POINTS)))
            for segment in facts.segments
        ),
    )


def _weekday_mass(fit: WeekdayFit, index: int, row: list[float], day: int) -> float:
    tilts = fit.tilts[index]
    return fit.created[day] * sum(
        share * tilts[shift] * fit.arriving[(day + shift) % 7] for shift, share in enumerate(row)
    )


def _season(prepared: _Prepared, day: date) -> list[float]:
    """Return for each segment, how much its arrivals' months make of a booking on `day`: mean 1 over a
    year.
    """
    start, months = day.toordinal(), prepared.months
    by_segment = (
        (months[date.fromordinal(start + lead).month - 1] for lead in leads)
        for leads in prepared.typical_leads
    )
    return [sum(factors) / _SEASON_POINTS for factors in by_segment]


def _calls_off_scale(facts: HotelCalibration, segment: Segment) -> float:
    """What the rates by lead are multiplied with, so that the segment's own rate comes out."""
    mean = (
        sum(_by_lead(facts, _whole_days(lead)) for lead in segment.log_leads.middles(_LEAD_POINTS))
        / _LEAD_POINTS
    )
    return segment.calls_off / mean


def _by_lead(facts: HotelCalibration, lead: int) -> float:
    # After midnight the business date is still yesterday's, and a guest who comes at once has a
    # lead of -1 by the calendar.
    return next(rate for bound, rate in reversed(facts.calls_off_by_lead) if max(lead, 0) >= bound)


def _whole_days(log_lead: float) -> int:
    return int(math.expm1(log_lead) + 0.5)


_MONTH_DAYS = (31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
