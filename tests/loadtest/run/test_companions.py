"""Clients beside the load against the independent server: rights, slow consumers."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from rtdash.loadtest.generator.rights import parse_rights
from rtdash.loadtest.generator.run_config import TargetVenue
from rtdash.loadtest.run.companions import other_users_token
from rtdash.loadtest.run.rights_probe import RightsProbe
from rtdash.loadtest.run.slow_client import SlowClient
from rtdash.loadtest.verdict.rights_findings import RightsFindings
from rtdash.protocol.channels import Channel
from tests.loadtest.independent_behaviour import Behaviour
from tests.loadtest.independent_rights import FULL, HOTEL_READER, make_token
from tests.loadtest.independent_server import IndependentServer, serving_on
from tests.loadtest.reported_behaviours import Lending
from tests.loadtest.rights_and_limits import Patient, Unguarded, UnguardedWrites, Unpinged
from tests.loadtest.stubborn_behaviours import Clinging

VENUES = (TargetVenue("h", "hotel"), TargetVenue("r", "restaurant"))
pytestmark = pytest.mark.timeout(120)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, for a generous time."""
    async with asyncio.timeout(90):
        while not condition():  # noqa: ASYNC110 - of another task's doing
            await asyncio.sleep(0.05)


async def probe(behaviour: Behaviour, done: Callable[[RightsFindings], bool]) -> RightsFindings:
    """Probe a server with a token that may only read hotels; return what was found."""
    findings, rights = RightsFindings(), parse_rights(HOTEL_READER)
    assert rights is not None
    async with serving_on(IndependentServer(behaviour)) as url:
        probing = asyncio.create_task(
            RightsProbe(url, HOTEL_READER, rights, VENUES, findings, other_token=FULL).run()
        )
        await until(lambda: done(findings))
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
    return findings


def test_what_a_token_does_not_allow_is_refused():
    """Three channels, a list and two writes; nothing else comes."""
    findings = asyncio.run(probe(Behaviour(), lambda found: found.refused >= 6))
    assert findings.violations == 0, findings.examples


def test_a_server_that_ignores_what_a_token_may_read_is_named():
    """By channel, and by the path of the list."""
    by_rest = (
        "a token without restaurant:read: GET /api/restaurant/reservations was answered with 200"
    )
    findings = asyncio.run(
        probe(Unguarded(), lambda found: any(by_rest in one for one in found.examples))
    )
    told = "\n".join(findings.examples)
    assert "a token without restaurant:read was subscribed to restaurant_stats" in told


def test_a_server_that_gives_sessions_to_others_is_named():
    """And so is what comes of the channels that the token doesn't allow."""
    findings = asyncio.run(probe(Lending(), lambda found: found.refused >= 6))
    assert (
        "a token without restaurant:read was given the session of another user"
        in (findings.examples[0])
    )


def test_the_other_user_is_known_by_the_claims():
    """A token of the same user may resume its sessions, and one without claims is of no user."""
    rights = parse_rights(HOTEL_READER)
    assert rights is not None
    assert other_users_token(rights, ["any", make_token("clerk", "hotel:write"), FULL]) == FULL
    assert other_users_token(rights, ["any", make_token("clerk", "hotel:write")]) is None


def test_a_server_that_lets_readers_write_is_named():
    """By the status of the answer."""
    findings = asyncio.run(probe(UnguardedWrites(), lambda found: found.violations >= 2))
    assert "POST /api/operations was answered with 200" in findings.examples[0]


async def stop_reading(behaviour: Behaviour, seconds: float) -> SlowClient:
    """A client that stops reading while a thousand messages a second come."""
    server = IndependentServer(behaviour)
    async with serving_on(server) as url:
        slow = SlowClient(f"ws://{urlsplit(url).netloc}/ws", "any", [Channel.HOTEL_RESERVATIONS])
        running = asyncio.create_task(slow.run())
        await until(lambda: slow.connections > 0)
        message = {"type": "new_reservation", "reservation": {"id": "x" * 800}}
        async with asyncio.timeout(seconds):
            while not slow.ends:
                for _ in range(10):
                    server.publish("h", "hotel_reservations", message)
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return slow


def test_a_client_that_stops_reading_sees_that_it_was_closed_for_it():
    """The Close comes behind what had been written before."""
    slow = asyncio.run(stop_reading(Unpinged(), 90))
    assert slow.ends == {4001: 1}


def test_a_client_that_is_never_closed_stays_open():
    """The client's pongs say that it is alive, so nothing else ends it."""
    with pytest.raises(TimeoutError):
        asyncio.run(stop_reading(Patient(), 6))


def test_a_channel_that_was_left_is_silent():
    """An honest server confirms and sends nothing more; one that goes on is named by channel."""
    clinging = asyncio.run(probe_with_events(Clinging(), lambda found: found.unasked > 0))
    assert "unsubscribed from hotel_reservations received" in "\n".join(clinging.examples)
    honest = asyncio.run(probe_with_events(Behaviour(), lambda found: found.refused >= 12))
    assert honest.unasked == 0, honest.examples


async def probe_with_events(
    behaviour: Behaviour, done: Callable[[RightsFindings], bool]
) -> RightsFindings:
    """The same, while hotels are booked."""
    findings, rights = RightsFindings(), parse_rights(HOTEL_READER)
    assert rights is not None
    server = IndependentServer(behaviour)
    async with serving_on(server) as url:
        probing = asyncio.create_task(
            RightsProbe(url, HOTEL_READER, rights, VENUES, findings).run()
        )
        message = {"type": "notification", "channel": "hotel_reservations", "venue": "h"}
        async with asyncio.timeout(90):
            while not done(findings):
                server.publish("h", "hotel_reservations", message)
                await asyncio.sleep(0.05)
        probing.cancel()
        await asyncio.gather(probing, return_exceptions=True)
    return findings
