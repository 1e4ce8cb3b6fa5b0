"""Snapshots: the figures of a venue at an instant, as they are read, answered and published."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from rtdash.domain.availability import day_availability
from rtdash.domain.instants import format_instant
from rtdash.domain.stats import Totals, dashboard_stats
from rtdash.domain.venues import Venue, VenueKind, business_date, same_time_last_week
from rtdash.protocol.channels import stats_channel
from rtdash.protocol.etags import weak_etag
from rtdash.protocol.messages import availability_message, encode, stats_message
from rtdash.store.database import Connection
from rtdash.store.reservations import read_sold, read_totals


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The figures of a venue. `timestamp` is when they last became other ones; `body` is what `GET
    /api/dashboard/stats` answers.
    """

    venue_id: str
    business_date: date
    timestamp: datetime
    stats: dict[str, Any]
    availability: tuple[int, int, int] | None
    body: bytes
    etag: str
    states: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures read for a snapshot; `availability` is total rooms, free ones and percent sold of
    tonight, None for a restaurant.
    """

    business_date: date
    stats: dict[str, Any]
    availability: tuple[int, int, int] | None


def read_figures(connection: Connection, venue: Venue, now: datetime) -> Figures:
    """Read everything that a snapshot says at once: today's figures as they stand, those of the
    same time last week, and tonight's rooms.
    """
    today, week_ago = business_date(venue, now), same_time_last_week(venue, now)
    totals: Totals = read_totals(connection, venue.id, today)
    before: Totals = read_totals(connection, venue.id, business_date(venue, week_ago), week_ago)
    availability = None
    if venue.kind is VenueKind.HOTEL:
        sold = {
            room_type: rooms
            for (room_type, _), rooms in read_sold(connection, venue.id, today, today).items()
        }
        tonight = day_availability(venue, today, sold)
        availability = tonight.total_rooms, tonight.available_rooms, tonight.occupancy_rate
    return Figures(today, dashboard_stats(totals, before, venue.currency), availability)


def make_snapshot(
    venue: Venue, now: datetime, figures: Figures, previous: Snapshot | None
) -> Snapshot:
    """Return a snapshot of the figures. Parts that stayed the same keep their instant, and with it
    their bytes and ETag.
    """
    if previous and (previous.business_date, previous.stats) == (
        figures.business_date,
        figures.stats,
    ):
        timestamp, body, etag = previous.timestamp, previous.body, previous.etag
    else:
        timestamp = now
        body = encode(
            {
                "venue": venue.id,
                "currency": venue.currency,
                "businessDate": figures.business_date.isoformat(),
                "timestamp": format_instant(now),
                "stats": figures.stats,
            }
        )
        etag = weak_etag(body)
    states = _states(venue, timestamp, now, figures, previous)
    return Snapshot(
        venue.id,
        figures.business_date,
        timestamp,
        figures.stats,
        figures.availability,
        body,
        etag,
        states,
    )


def _states(
    venue: Venue, timestamp: datetime, now: datetime, figures: Figures, previous: Snapshot | None
) -> tuple[tuple[str, bytes], ...]:
    channel = stats_channel(venue.kind)
    states = [
        (
            "stats_update",
            encode(
                stats_message(
                    channel,
                    venue.id,
                    figures.stats,
                    currency=venue.currency,
                    business_date=figures.business_date,
                    timestamp=timestamp,
                )
            ),
        )
    ]
    if figures.availability is not None:
        if previous and (previous.business_date, previous.availability) == (
            figures.business_date,
            figures.availability,
        ):
            return (states[0], previous.states[1])
        total, available, rate = figures.availability
        message = availability_message(
            channel,
            venue.id,
            total_rooms=total,
            available_rooms=available,
            occupancy_rate=rate,
            business_date=figures.business_date,
            timestamp=now,
        )
        states.append(("room_availability_update", encode(message)))
    return tuple(states)
