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
    """The tokens of a user that were revoked stay so when the user is revoked again at what is told
    as an earlier instant.
    """
    for at in (NOW, NOW - timedelta(seconds=5)):
        await database.write(lambda conn, at=at: revocations.revoke(conn, sub="anna", at=at))
    assert await database.read(revocations.read_revocations) == [Revocation("sub", "anna", NOW)]
