"""Checks of the figures at the end of a phase: stats against the reservations of the day, and
against what the socket said last; availability likewise.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from rtdash.loadtest.generator.message_reader import digest_of
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.run.rest_checker import RestChecker, find_lasting
from rtdash.protocol.channels import Channel, Stream

STATS, TODAY = "/api/dashboard/stats", "/api/dashboard/reservations/today"
_PAGE = 500
_MOST_PAGES = 10
_NOT_EXPECTED = frozenset({"Cancelled", "NoShow"})
_CENT = 0.005

States = Mapping[tuple[Stream, str], str]


async def check_figures(
    checker: RestChecker, venues: Iterable[TargetVenue], states: States
) -> None:
    """Compare the figures of each venue; `states` are the digests that a client received last."""
    for venue in venues:
        flaw = await find_lasting(partial(_flaw_of, checker, venue, states))
        if flaw is not None:
            checker.findings.add(f"{venue.id}: {flaw}")


async def _flaw_of(checker: RestChecker, venue: TargetVenue, states: States) -> str | None:
    answer = await checker.request(STATS, venue=venue.id)
    if answer is None:
        return None
    stream = Stream(venue.id, Channel(f"{venue.kind}_stats"))
    pushed = states.get((stream, "stats_update"))
    if pushed is not None and pushed != digest_of(answer["stats"]):
        return f"{STATS} shows other figures than the last stats_update"
    reservations = await _read_today(checker, venue)
    if reservations is None:
        return None
    for name, value in figures_of(reservations).items():
        shown = answer["stats"][name]
        if abs(shown - value) > _CENT:
            return f"{STATS} shows {name} {shown}, and the reservations of the day give {value:g}"
    return None


def figures_of(reservations: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Return the figures that follow from a day's reservations (guide: protocol, meanings)."""
    expected = [one for one in reservations if one["status"] not in _NOT_EXPECTED]
    return {
        "reservationsToday": len(expected),
        "prepaidReservations": sum(one["amount"] > 0 and one["balance"] <= 0 for one in expected),
        "expectedGuests": sum(one["guests"] for one in expected),
        "pendingPayments": sum(max(0, one["balance"]) for one in expected),
    }


async def _read_today(checker: RestChecker, venue: TargetVenue) -> list[dict[str, Any]] | None:
    """Return the reservations of the business date; None where they can't be read to the end."""
    found: list[dict[str, Any]] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await checker.request(TODAY, venue=venue.id, limit=_PAGE, cursor=cursor)
        if page is None:
            return None
        found += page["reservations"]
        cursor = page.get("next")
        if cursor is None:
            return found
    return None
