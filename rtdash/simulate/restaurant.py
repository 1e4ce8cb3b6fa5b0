"""Demand of a restaurant: day and hour of visits, parties, leads, endings; and walk-ins.

Two directions of one law: `visits` starts from the day of the visit (a past), `visit_at` from the
instant of booking (live traffic).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from rtdash.simulate.arrivals import days_from, local_instant, next_quarter, whole_ms
from rtdash.simulate.calibration import restaurant_calibration
from rtdash.simulate.day_strength import DayStrength
from rtdash.simulate.distributions import (
    Discrete,
    draw_lognormal,
    draw_poisson,
    seeded,
)
from rtdash.simulate.hotel import Ending
from rtdash.simulate.party_laws import (
    CALLED_OFF_BY_LEAD_DAYS,
    NO_SHOW_BY_PARTY,
    WALK_IN_PARTY,
    draw_party,
    factor_of,
    mean_size,
    size_weighted,
    size_weighted_walk_ins,
)
from rtdash.simulate.table_leads import draw_lead_days, later_booking_hours, party_leads

START_MINUTES: Discrete[int] = Discrete({0: 0.55, 15: 0.07, 30: 0.31, 45: 0.07})
"""Minutes at which tables are booked. Assumed: the source floors to the hour."""

LAST_TABLE_HOUR = 22.75
"""Hour of the latest table that is asked for in the evening itself. Assumed."""

TURN_VARIATION = 0.3
"""sd / mean of the turn time. Assumed, as in the file's suggested defaults."""

LUNCH_HOURS, DINNER_HOURS = range(11, 15), range(17, 23)
"""Hours of the published parties at lunch and at dinner."""

REPEATED_SHARE = 0.25
"""Share of reservations by returning guests. Assumed: the data have no customers."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Table asked for: `booked_at` and `start` in UTC, equal for a walk-in; `cancel_fraction`
    is the elapsed share of the lead at a cancellation.
    """

    booked_at: datetime
    start: datetime
    party: int
    minutes: int
    ending: Ending
    cancel_fraction: float
    repeated: bool
    walk_in: bool = False


class RestaurantDemand:
    """Tables that a restaurant is asked for; `covers_per_day` on average, walk-ins included."""

    def __init__(self, zone: ZoneInfo, *, seed: str, covers_per_day: float) -> None:
        self._zone = zone
        self._facts = restaurant_calibration()
        self._rng = seeded(f"{seed}/restaurant")
        self._leads = party_leads()
        facts = self._facts
        self._reserved = covers_per_day * (1 - facts.walk_in_share) / facts.mean_party
        self._walked_in = covers_per_day * facts.walk_in_share / mean_size(WALK_IN_PARTY)
        # Parties are the clusters here, and by themselves as uneven as what is published; days
        # differ only where they are not.
        reserved, walked_in = size_weighted(facts), size_weighted_walk_ins()
        by_parties = (1 - facts.walk_in_share) * reserved + facts.walk_in_share * walked_in
        self._strength = DayStrength(
            seed, max(0.0, facts.dispersion - by_parties) / facts.covers_per_day
        )

    def visits(self, first: date, days: int) -> Iterator[list[Visit]]:
        """Yield, day by day, the visits of `days` local dates from `first` on.

        They have no order within the day.
        """
        for day in days_from(first, days):
            strength = 7 * self._strength(day)
            reserved = draw_poisson(
                self._rng, self._reserved * self._facts.weekdays[day.weekday()] * strength
            )
            walked_in = draw_poisson(
                self._rng, self._walked_in * self._walk_in_weekday(day.weekday()) * strength
            )
            yield [self._reservation(day) for _ in range(reserved)] + [
                self._walk_in(day) for _ in range(walked_in)
            ]

    def visit_at(self, instant: datetime, *, today: bool | None = None) -> Visit:
        """Return a reservation made at `instant`.

        `today` forces or forbids a visit on the same local day, as far as hours are left.
        """
        local = instant.astimezone(self._zone)
        while True:
            rank, party_rank = self._ranks(same_day=today)
            lead_days = draw_lead_days(rank, None, self._rng)
            day = local.date() + timedelta(days=lead_days)
            if lead_days == 0 and local.hour >= 22:
                day, lead_days = day + timedelta(days=1), 1
            if (
                self._rng.random() * max(self._facts.weekdays) < self._facts.weekdays[day.weekday()]
                or today
            ):
                break
        start = self._start(day)
        if lead_days == 0:
            latest = local_instant(day, LAST_TABLE_HOUR * 3600, self._zone)
            start = max(start, min(self._soonest(instant), latest))
        return self._visit(instant, start, self._party(start, party_rank))

    def friday_dinner_at(self, instant: datetime) -> Visit:
        """Return a reservation made at `instant` for the evening of the coming Friday.

        On a Friday before 22:00 that is today.
        """
        local = instant.astimezone(self._zone)
        days = (4 - local.weekday()) % 7
        if days == 0 and local.hour >= 22:
            days = 7
        day = local.date() + timedelta(days=days)
        hours = self._facts.hours_by_weekday[4]
        while (hour := hours.draw(self._rng)) not in DINNER_HOURS:
            pass
        start = local_instant(day, hour * 3600 + START_MINUTES.draw(self._rng) * 60, self._zone)
        start = max(start, self._soonest(instant))
        return self._visit(instant, start, self._party(start, self._rng.random()))

    def _soonest(self, instant: datetime) -> datetime:
        return next_quarter(instant + timedelta(minutes=15 + self._rng.expovariate(1 / 60)))

    def walk_in_at(self, instant: datetime) -> Visit:
        """Return a party that comes without a reservation at `instant`."""
        return self._visit(instant, instant, WALK_IN_PARTY.draw(self._rng), walk_in=True)

    def _reservation(self, day: date) -> Visit:
        rng = self._rng
        start = self._start(day)
        party = self._parties(start).draw(rng)
        rank = self._leads.rank_of(party, rng)
        return self._visit(self._booked_at(day, start, rank), start, draw_party(party, rng))

    def _parties(self, start: datetime) -> Discrete[str]:
        """Return the law of the parties at that hour."""
        hour = start.astimezone(self._zone).hour
        if hour in LUNCH_HOURS:
            return self._facts.party_lunch
        return self._facts.party_dinner if hour in DINNER_HOURS else self._facts.party

    def _party(self, start: datetime, rank: float) -> int:
        return draw_party(self._parties(start).at(rank), self._rng)

    def _booked_at(self, day: date, start: datetime, rank: float) -> datetime:
        """Return the instant of booking: hours before on the same day, else days before."""
        facts, rng = self._facts, self._rng
        if rank < facts.same_day_share:
            hours = facts.same_day_hours.at(rank / facts.same_day_share)
            return whole_ms(start - timedelta(hours=hours))
        booked_on = day - timedelta(days=draw_lead_days(rank, day.weekday(), rng))
        second = (later_booking_hours().draw(rng) + rng.random()) * 3600
        return local_instant(booked_on, second, self._zone)

    def _ranks(self, *, same_day: bool | None) -> tuple[float, float]:
        """Return the ranks of lead and party; of a lead of the same day or not, when asked."""
        rank, share = self._rng.random(), self._facts.same_day_share
        if same_day is not None:
            rank = rank * share if same_day else share + rank * (1 - share)
        return rank, self._leads.party_rank(rank, self._rng)

    def _start(self, day: date) -> datetime:
        hour = self._facts.hours_by_weekday[day.weekday()].draw(self._rng)
        return local_instant(day, hour * 3600 + START_MINUTES.draw(self._rng) * 60, self._zone)

    def _walk_in(self, day: date) -> Visit:
        second = (self._facts.walk_in_hours.draw(self._rng) + self._rng.random()) * 3600
        return self.walk_in_at(local_instant(day, second, self._zone))

    def _walk_in_weekday(self, weekday: int) -> float:
        """Return the share of a weekday among the walk-ins: its covers without the reserved."""
        facts = self._facts
        left = facts.cover_weekdays[weekday] - (1 - facts.walk_in_share) * facts.weekdays[weekday]
        return max(0.0, left / facts.walk_in_share)

    def _visit(
        self, booked_at: datetime, start: datetime, party: int, *, walk_in: bool = False
    ) -> Visit:
        rng, facts = self._rng, self._facts
        mean = next(minutes for size, minutes in reversed(facts.turn_minutes) if party >= size)
        if start.astimezone(self._zone).hour in LUNCH_HOURS:
            mean *= facts.lunch_turn
        minutes = draw_lognormal(rng, mean, TURN_VARIATION)
        return Visit(
            booked_at=booked_at,
            start=start,
            party=party,
            minutes=max(20, 5 * round(minutes / 5)),
            ending=Ending.STAYED if walk_in else self._ending(start - booked_at, party),
            # No source has the time of cancellations; half of them are taken to come in the last
            # quarter of the lead.
            cancel_fraction=rng.random() ** 0.415,
            repeated=rng.random() < REPEATED_SHARE,
            walk_in=walk_in,
        )

    def _ending(self, lead: timedelta, party: int) -> Ending:
        """Draw how it ends; both chances keep their published means."""
        facts, rng = self._facts, self._rng
        by_lead = factor_of(CALLED_OFF_BY_LEAD_DAYS, lead / timedelta(days=1))
        if rng.random() < facts.cancel_rate * by_lead:
            return Ending.CANCELLED
        by_party = factor_of(NO_SHOW_BY_PARTY, party)
        return (
            Ending.NO_SHOW
            if rng.random() < facts.no_show_rate * by_lead * by_party
            else Ending.STAYED
        )
