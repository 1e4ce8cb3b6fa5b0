"""Venues that a run writes to: the first of each kind that the token is for."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from rtdash.client.api import Api
from rtdash.client.api_errors import Problem
from rtdash.domain.money import CURRENCIES, minor_digits
from rtdash.loadtest.generator.operation_source import business_date_now
from rtdash.loadtest.generator.run_config import TargetVenue

_TO_SPARE = 8
"""Rooms of a type that must be free tonight before the run books some of them for a moment."""


class NoVenues(Exception):  # noqa: N818
    """Raised when the token is for no venue, so that there is nothing to write to or to follow."""

    def __str__(self) -> str:
        return "the token is for no venue: the server's profile lists none"


async def read_venues(api: Api) -> tuple[TargetVenue, ...]:
    """Return the first venue of each kind that the token is for: plain channel names mean these.
    Raises NoVenues, Unreachable, Problem.
    """
    venues: dict[str, TargetVenue] = {}
    # Not the client's own reader, which asks for more: a foreign server needs to show no more than
    # what the run is about.
    profile = await api.get_json("/api/user/profile")
    if not isinstance(profile, dict) or not isinstance(profile.get("venues"), list):
        raise Problem(
            200,
            title="The answer is not that of a server of this protocol",
            detail=f"/api/user/profile at {api.url} shows no venues",
        )
    for venue in profile["venues"]:
        if venue["kind"] not in venues:
            venues[venue["kind"]] = await _read_venue(api, venue)
    if not venues:
        raise NoVenues
    return tuple(venues.values())


async def _read_venue(api: Api, shown: dict[str, Any]) -> TargetVenue:
    venue = TargetVenue(
        shown["id"],
        shown["kind"],
        timezone=shown.get("timezone", "UTC"),
        closeout_hour=shown.get("closeoutHour", 3),
        has_cents=_has_cents(shown.get("currency")),
    )
    if venue.kind != "hotel":
        return venue
    shown = await api.get_json("/api/hotel/room-types", venue=venue.id)
    types = [one["id"] for one in shown["roomTypes"]]
    return TargetVenue(
        venue.id,
        venue.kind,
        tuple(types),
        await _free_tonight(api, venue),
        venue.timezone,
        venue.closeout_hour,
        venue.has_cents,
    )


def _has_cents(currency: Any) -> bool:
    return currency in CURRENCIES and minor_digits(currency) == 2


async def _free_tonight(api: Api, venue: TargetVenue) -> tuple[str, ...]:
    """Return the room types with rooms to spare; none where the server doesn't say."""
    night = business_date_now(venue)
    with suppress(Problem, KeyError, IndexError, TypeError):
        answer = await api.get_json(
            "/api/hotel/rooms/availability",
            venue=venue.id,
            startDate=night.isoformat(),
            endDate=(night + timedelta(days=1)).isoformat(),
        )
        rooms = answer["days"][0]["byRoomType"]
        return tuple(one["roomType"] for one in rooms if one["availableRooms"] >= _TO_SPARE)
    return ()
