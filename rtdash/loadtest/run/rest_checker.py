"""Checks of what REST shows: lists, single reservations, stats and availability, against the
operations that the run sent and against what the socket said. Endpoints that a server doesn't have
are left out.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rtdash.client.api import Api
from rtdash.client.api_errors import Problem, Unreachable
from rtdash.domain.venues import VenueKind
from rtdash.loadtest.generator.booking_model import BookingModel
from rtdash.loadtest.generator.publisher import Publisher
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.verdict.rest_findings import RestFindings
from rtdash.protocol.channels import Stream, reservations_channel

PATHS = {"hotel": "/api/hotel/bookings", "restaurant": "/api/restaurant/reservations"}
_CHECK_EVERY_S = 2.0
_PAGE = 500
_MOST_PAGES = 40
_FEW_PAGES = 8
_LEAST_PAGE = 5
_MOST_SNAPSHOTS = 100
_SINGLES = 10
_MISSING_STATUS = frozenset({404, 405, 501})
_SERVER_FAULT = 500
_TRIES = 3
_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class RestSnapshot:
    """List as it was read during the traffic: at a position, up to the start of its last item
    (None: to its end). `versions`: by reservation id.
    """

    stream: Stream
    seq: int
    up_to: str | None
    versions: Mapping[str, int]


class RestChecker:
    """Reader of the REST interface beside the traffic of one phase."""

    def __init__(
        self,
        api: Api,
        venues: tuple[TargetVenue, ...],
        publisher: Publisher,
        rng: random.Random,
    ) -> None:
        self.findings = RestFindings()
        self._api = api
        self._venues = venues
        self._publisher = publisher
        self._rng = rng
        self._snapshots: list[RestSnapshot] = []
        self._missing: set[str] = set()

    async def check_periodically(self) -> None:
        """Read a list and look at its position every CHECK_EVERY_S, until cancelled."""
        while True:
            for venue in self._venues:
                if len(self._snapshots) < _MOST_SNAPSHOTS:
                    await self._read_list(venue)
            await asyncio.sleep(_CHECK_EVERY_S)

    async def _read_list(self, venue: TargetVenue) -> None:
        stream = _stream(venue)
        acknowledged = self._publisher.heads.get(stream, 0)
        page = await self.request(PATHS[venue.kind], venue=venue.id, limit=_PAGE)
        if page is None:
            return
        seq = page["positions"][stream.channel]["seq"]
        if seq < acknowledged:
            self.findings.add(
                f"{PATHS[venue.kind]} stands at seq {seq}, and seq {acknowledged} had been"
                " acknowledged before it was asked for"
            )
        items = page["reservations"]
        up_to = items[-1]["date"] if page.get("next") and items else None
        versions = {item["id"]: item["version"] for item in items}
        self._snapshots.append(RestSnapshot(stream, seq, up_to, versions))

    async def check_end(self, model: BookingModel) -> None:
        """Compare all lists, those read before included, with the model of what was sent; the
        model has seen the log by now.
        """
        for snapshot in self._snapshots:
            self._check_snapshot(snapshot, model)
        for venue in self._venues:
            await self._check_list(venue, model, _PAGE)
            # Once more in small pages: what is skipped or shown twice is so where a page ends.
            known = sum(1 for _ in model.of_venue(venue.id))
            await self._check_list(venue, model, max(_LEAST_PAGE, known // (_FEW_PAGES - 1)))
            await self._check_singles(venue, model)

    def _check_snapshot(self, snapshot: RestSnapshot, model: BookingModel) -> None:
        for reservation_id, reservation in model.of_venue(snapshot.stream.venue):
            expected = reservation.version_at(snapshot.seq)
            if not expected or not _covers(snapshot.up_to, reservation.start):
                continue
            version = snapshot.versions.get(reservation_id)
            if version is None or version < expected:
                shown = "lacks" if version is None else f"shows version {version} of"
                self.findings.add(
                    f"a list at seq {snapshot.seq} of {snapshot.stream.channel} {shown}"
                    f" {reservation_id}, which had version {expected} there"
                )

    async def _check_list(self, venue: TargetVenue, model: BookingModel, size: int) -> None:
        found: dict[str, dict[str, Any]] = {}
        up_to: str | None = None
        where = f"{PATHS[venue.kind]} in pages of {size}"
        async for page in self._pages(PATHS[venue.kind], venue, size):
            for item in page["reservations"]:
                if item["id"] in found and (venue.id, item["id"]) in model.reservations:
                    self.findings.add(f"{where} shows {item['id']} twice")
                found[item["id"]] = item
            last = page["reservations"][-1:]
            up_to = last[0]["date"] if page.get("next") and last else None
        if PATHS[venue.kind] in self._missing:
            return
        for reservation_id, reservation in model.of_venue(venue.id):
            shown = found.get(reservation_id)
            if shown is None:
                if _covers(up_to, reservation.start):
                    self.findings.add(f"{where} lacks {reservation_id}")
            elif flaw := reservation.flaw_in(shown):
                self.findings.add(f"{where} shows {reservation_id}: {flaw}")

    async def _check_singles(self, venue: TargetVenue, model: BookingModel) -> None:
        known = list(model.of_venue(venue.id))
        for reservation_id, reservation in self._rng.sample(known, min(_SINGLES, len(known))):
            path = f"{PATHS[venue.kind]}/{reservation_id}"
            shown = await self.request(path, is_known=True, venue=venue.id)
            if shown is None:
                continue
            flaw = reservation.flaw_in(shown)
            if shown.get("version") != reservation.version:
                flaw = f"version is {shown.get('version')} and must be {reservation.version}"
            if flaw:
                self.findings.add(f"{path}: {flaw}")

    async def _pages(
        self, path: str, venue: TargetVenue, size: int
    ) -> AsyncIterator[dict[str, Any]]:
        cursor = None
        for _ in range(_MOST_PAGES if size == _PAGE else _FEW_PAGES):
            page = await self.request(path, venue=venue.id, limit=size, cursor=cursor)
            if page is None:
                return
            yield page
            cursor = page.get("next")
            if cursor is None:
                return

    async def request(
        self, path: str, *, is_known: bool = False, **params: str | int | None
    ) -> dict[str, Any] | None:
        """Return what the server shows; None where it has no such endpoint, or failed (which is
        counted). `is_known`: it must have this one, if it has the others.
        """
        if path in self._missing:
            return None
        began = time.monotonic()
        try:
            body: dict[str, Any] = await self._api.get_json(path, **params)
        except Unreachable as failure:
            self.findings.failures[f"GET {path}: {failure.reason}"] += 1
            return None
        except Problem as problem:
            if problem.status in _MISSING_STATUS:
                family = path.rpartition("/")[0]
                if is_known and self.findings.reads and family not in self._missing:
                    self.findings.add(f"{path} is answered with {problem.status}")
                else:
                    self._missing.add(path)
            elif problem.status >= _SERVER_FAULT:
                self.findings.failures[f"GET {path}: HTTP {problem.status}"] += 1
            return None
        self.findings.read_time.record(time.monotonic() - began)
        self.findings.reads += 1
        return body


async def find_lasting(look: Callable[[], Awaitable[str | None]]) -> str | None:
    """Return a flaw that `look` still finds when it looks again: an answer may be of a moment ago,
    since others write, and time passes.
    """
    flaw = await look()
    for _ in range(_TRIES - 1):
        if flaw is None:
            break
        await asyncio.sleep(_AGAIN_S)
        flaw = await look()
    return flaw


def _stream(venue: TargetVenue) -> Stream:
    return Stream(venue.id, reservations_channel(VenueKind(venue.kind)))


def _covers(up_to: str | None, start: str) -> bool:
    """Whether a list in the order of starts reaches that one for sure."""
    return up_to is None or start < up_to
