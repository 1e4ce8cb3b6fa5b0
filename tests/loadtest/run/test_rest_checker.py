"""The reads of REST beside the load, against the independent server."""

import asyncio
import random

import pytest

from rtdash.client.api import Api
from rtdash.loadtest.generator.booking_model import BookingModel
from rtdash.loadtest.generator.operation_source import OperationSource
from rtdash.loadtest.generator.publisher import Publisher
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.run import rest_checker
from rtdash.loadtest.run.availability_checker import check_availability, find_overstated, rooms_held
from rtdash.loadtest.run.rest_checker import RestChecker
from rtdash.loadtest.verdict.rest_findings import RestFindings
from rtdash.protocol.channels import Channel, Stream
from tests.loadtest.independent_behaviour import Behaviour
from tests.loadtest.independent_server import IndependentServer, serving_on
from tests.loadtest.reported_behaviours import OverlappingPages, SkippingPages
from tests.loadtest.stubborn_behaviours import FailingLists, Overstating

HOTEL = TargetVenue("h", "hotel", ("double",))
NIGHT = "2027-01-01"


async def check(behaviour: Behaviour, bookings: int = 1) -> RestFindings:
    """What a read of the lists and of the rooms finds, with rooms booked for one night."""
    rng = random.Random(1)
    async with (
        serving_on(IndependentServer(behaviour)) as url,
        Api(url, "any", retry_for_s=0, rng=rng) as api,
    ):
        publisher = Publisher(api, OperationSource("run", "p", (HOTEL,), rng))
        checker = RestChecker(api, (HOTEL,), publisher, rng)
        stay = {"roomType": "double", "checkIn": NIGHT, "checkOut": "2027-01-02"}
        model = publisher.model
        for number in range(bookings):
            booking = {"op": "book", "kind": "hotel", "venue": "h", "operationId": f"a{number}"}
            booking |= {"customerName": "Ada King", "guests": 1, "source": "Phone", **stay}
            (outcome,) = await api.post_operations([booking])
            model.acknowledge(booking, outcome["reservationId"])
        page = await api.events(Channel.HOTEL_RESERVATIONS, venue="h", after=0, epoch="e1")
        for event in page["events"]:
            model.check_event(Stream("h", Channel.HOTEL_RESERVATIONS), event)
        await checker.check_end(model)
        await check_availability(checker, (HOTEL,), model)
    return checker.findings


def test_an_honest_server_agrees_and_each_read_is_timed():
    """Nothing is found."""
    findings = asyncio.run(check(Behaviour()))
    assert (findings.disagreements, findings.failures.total()) == (0, 0), findings.examples
    assert findings.read_time.count == findings.reads >= 3


def test_lists_are_read_in_small_pages_as_well():
    """What is skipped, or shown again, is so where a page ends: here all begin at one instant."""
    assert asyncio.run(check(Behaviour(), bookings=12)).examples == []
    path = "/api/hotel/bookings in pages of 5"
    skipping = asyncio.run(check(SkippingPages(), bookings=12))
    assert f"rest_disagrees: {path} lacks x" in skipping.examples[0]
    assert skipping.disagreements == 7
    overlapping = asyncio.run(check(OverlappingPages(), bookings=12))
    assert f"{path} shows x" in overlapping.examples[0]


def test_a_list_that_fails_is_a_failure():
    """An endpoint that answers 500 is there, and broken."""
    findings = asyncio.run(check(FailingLists()))
    assert set(findings.failures) == {"GET /api/hotel/bookings: HTTP 500"}


def test_rooms_that_are_booked_and_shown_as_free_are_named():
    """With the night, its rooms, and what the run holds."""
    findings = asyncio.run(check(Overstating()))
    assert f"{NIGHT} shows 50 of 50 rooms of type double as free" in findings.examples[0]


def test_more_booked_than_the_run_did_is_right():
    """Others book as well; a cancelled stay holds nothing."""
    days = [{"date": NIGHT, "byRoomType": [{"roomType": "double"} | {"totalRooms": 9}]}]
    days[0]["byRoomType"][0]["availableRooms"] = 5
    assert find_overstated(days, {(NIGHT, "double"): 4}) is None
    assert find_overstated(days, {(NIGHT, "double"): 5}) is not None
    assert rooms_held(BookingModel(), "h") == {}


@pytest.mark.parametrize(
    ("flaws", "found", "looks"),
    [([None], None, 1), (["a", None], None, 2), (["a", "b", "c", None], "c", 3)],
)
def test_only_a_flaw_that_lasts_is_found(
    flaws: list[str | None], found: str | None, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three looks at most: what an answer of a moment ago shows is gone by then."""
    monkeypatch.setattr(rest_checker, "_AGAIN_S", 0)
    seen = []

    async def look() -> str | None:
        seen.append(flaws[len(seen)])
        return seen[-1]

    assert asyncio.run(rest_checker.find_lasting(look)) == found
    assert len(seen) == looks
