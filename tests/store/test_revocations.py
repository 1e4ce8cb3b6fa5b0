"""Revoked tokens and users."""

from datetime import timedelta

import pytest

from rtdash.store import revocations
from rtdash.store.revocations import Revocation
from tests.stores import NOW

pytestmark = pytest.mark.anyio


async def test_revocations(database):
    """By token or by user; the last instant counts; all, or those since an instant."""
    later = NOW + timedelta(seconds=5)
    await database.write(lambda conn: revocations.revoke(conn, jti="t1", at=NOW))
    await database.write(lambda conn: revocations.revoke(conn, sub="anna", at=NOW))
    await database.write(lambda conn: revocations.revoke(conn, sub="anna", at=later))
    await database.write(lambda conn: revocations.revoke(conn, at=later))
    everything = await database.read(revocations.read_revocations)
    assert sorted(everything, key=lambda one: one.kind) == [
        Revocation("jti", "t1", NOW),
        Revocation("sub", "anna", later),
    ]
    assert await database.read(lambda conn: revocations.read_revocations(conn, later)) == [
        Revocation("sub", "anna", later)
    ]


async def test_a_revocation_by_a_slow_clock_takes_nothing_back(database):
    """The tokens of a user that were revoked stay so when the user is revoked again at an instant
    that is earlier by another clock.
    """
    for at in (NOW, NOW - timedelta(seconds=5)):
        await database.write(lambda conn, at=at: revocations.revoke(conn, sub="anna", at=at))
    assert await database.read(revocations.read_revocations) == [Revocation("sub", "anna", NOW)]


async def test_what_has_expired_long_ago_is_removed(database):
    """A bounded number at a time; used codes go after an hour, and are no revocations."""
    await database.write(lambda conn: revocations.revoke(conn, jti="old", at=NOW))
    await database.write(lambda conn: revocations.revoke(conn, sub="old", at=NOW))
    assert await database.write(lambda conn: revocations.use_once(conn, "code", at=NOW))
    assert not await database.write(lambda conn: revocations.use_once(conn, "code", at=NOW))
    assert len(await database.read(revocations.read_revocations)) == 2
    later = NOW + revocations.USED_KEPT + timedelta(seconds=1)
    assert await database.write(lambda conn: revocations.prune(conn, now=later)) == 1
    assert len(await database.read(revocations.read_revocations)) == 2
    much_later = NOW + revocations.KEPT + timedelta(seconds=1)
    await database.write(lambda conn: revocations.revoke(conn, jti="new", at=much_later))
    assert await database.write(lambda conn: revocations.prune(conn, now=much_later)) == 2
    assert [one.value for one in await database.read(revocations.read_revocations)] == ["new"]
