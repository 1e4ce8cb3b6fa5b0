"""Counts and their limits, by clocks that tests set."""

from datetime import UTC, datetime, timedelta

from rtdash.server.ws.connection_limits import ConnectionLimits, surplus
from rtdash.server.ws.takeover_credits import TakeoverCredits
from rtdash.settings import Limits
from rtdash.store.leases import Lease

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def none(_sub: str) -> int:
    return 0


def connection_limits(**limits: object) -> tuple[ConnectionLimits, list[str]]:
    told: list[str] = []
    return ConnectionLimits(Limits(**limits), told.append), told


def test_handshakes_refill_at_their_rate() -> None:
    """After the burst an address may come in as often as the rate says, for long; others are not
    concerned.
    """
    counted, told = connection_limits(handshakes_per_minute=60, handshakes_burst=10)
    passed = sum(not counted.handshake_wait_s("10.0.0.1", step / 10) for step in range(600))
    assert passed == 10 + 59
    assert len(told) == 600 - passed
    assert not counted.handshake_wait_s("10.0.0.2", 60)


def test_a_network_of_ipv6_is_one_address() -> None:
    """A customer with a /64 has 2 ** 64 addresses, and one bucket."""
    counted, _ = connection_limits(handshakes_per_minute=1, handshakes_burst=1)
    assert not counted.handshake_wait_s("2001:db8:0:1::1", 0)
    assert counted.handshake_wait_s("2001:db8:0:1:ffff::2", 0) > 0
    assert not counted.handshake_wait_s("2001:db8:0:2::1", 0)


def test_an_ipv4_address_in_ipv6_clothes_is_itself() -> None:
    """On a socket that listens on `::` all IPv4 addresses would otherwise share one /64, and one
    bucket.
    """
    counted, _ = connection_limits(handshakes_per_minute=1, handshakes_burst=1)
    assert not counted.handshake_wait_s("::ffff:10.0.0.1", 0)
    assert not counted.handshake_wait_s("::ffff:10.0.0.2", 0)
    assert counted.handshake_wait_s("::ffff:10.0.0.1", 0) > 0


def test_places_are_given_back() -> None:
    """A user with all places taken gets one when one is left, and users that have left are
    forgotten.
    """
    counted, _ = connection_limits(connections_per_user=2)
    counted.enter("ann")
    assert not counted.has_all("ann", {}, leaving=0)
    assert counted.has_all("ann", {"ann": 1}, leaving=0)
    assert not counted.has_all("ann", {"ann": 1}, leaving=1)
    counted.leave("ann")
    assert not counted.by_user


def test_a_socket_that_has_not_ended_keeps_its_place_in_all() -> None:
    """The user's place is free as soon as the server has given the connection up."""
    counted, _ = connection_limits(connections_per_user=1, max_connections=1)
    counted.enter("ann")
    counted.leave("ann")
    assert not counted.has_all("ann", {}, leaving=0)
    assert counted.is_full()
    counted.end()
    assert not counted.is_full()


def test_an_excess_is_closed_by_the_process_where_it_rose_last() -> None:
    """Of all processes exactly one acts, on no more than it has."""
    leases = [
        Lease("a", "ann", 8, NOW),
        Lease("b", "ann", 4, NOW + timedelta(seconds=1)),
        Lease("a", "bob", 10, NOW),
    ]
    assert surplus(leases, "a", 10, none) == {}
    assert surplus(leases, "b", 10, none) == {"ann": 2}
    assert surplus(leases, "b", 3, none) == {"ann": 4}


def test_connections_whose_sessions_have_just_come_are_no_excess() -> None:
    """The process that they left still counts them; only what goes beyond them is closed."""
    leases = [Lease("a", "ann", 10, NOW), Lease("b", "ann", 3, NOW + timedelta(seconds=1))]
    assert surplus(leases, "b", 10, lambda _: 3) == {}
    assert surplus(leases, "b", 10, lambda _: 2) == {"ann": 1}


def test_a_handover_is_credited_for_as_long_as_leases_may_lag() -> None:
    """And is forgotten then, with its user."""
    takeover_credits = TakeoverCredits()
    takeover_credits.note("ann", 100.0)
    takeover_credits.note("ann", 110.0)
    assert [takeover_credits.count("ann", now) for now in (110.0, 119.9, 120.0, 130.0)] == [
        2,
        2,
        1,
        0,
    ]
    assert not takeover_credits._came
