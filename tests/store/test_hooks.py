"""Deliveries of webhooks: known for a day, and so many refusals of a source."""

import pytest

from rtdash.store import hooks
from rtdash.store.guests import Guest, erase_guest
from tests.stores import NOW

pytestmark = pytest.mark.anyio


async def test_only_so_much_is_kept(database, monkeypatch):
    """The latest refusals of a source, each for a day, with the beginning of the body."""
    monkeypatch.setattr(hooks, "MAX_REFUSED", 3)

    def fill(connection):
        for number in range(6):
            hooks.save(
                connection,
                "s",
                f"{number}",
                at=NOW + number * hooks.KEPT / 100,
                problem="x",
                body="y" * 20_000,
            )
        return hooks.read_refused(connection)

    kept = await database.write(fill)
    assert [one.id for one in kept] == ["5", "4", "3"]
    assert len(kept[0].body) == hooks.MAX_BODY


async def test_a_delivery_is_known_for_a_day(database):
    """Of its source alone; saving it twice changes nothing."""

    def take(connection):
        hooks.save(connection, "s", "a", at=NOW)
        hooks.save(connection, "s", "a", at=NOW, problem="late")
        known = hooks.is_known(connection, "s", "a"), hooks.is_known(connection, "t", "a")
        hooks.save(connection, "s", "b", at=NOW + hooks.KEPT * 1.01)
        return known, hooks.is_known(connection, "s", "a"), hooks.read_refused(connection)

    assert await database.write(take) == ((True, False), False, [])


async def test_an_erased_guest_is_in_no_refused_body(database, clock):
    """Whatever the guest's data look like there, the bodies go."""

    def erase(connection):
        hooks.save(connection, "s", "a", at=NOW, problem="x", body="Ann Example")
        erase_guest(connection, Guest(name="Ann Example"), now=clock())
        return hooks.read_refused(connection)

    assert await database.write(erase) == []
