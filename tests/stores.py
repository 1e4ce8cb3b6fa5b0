"""Stores to test on: the same tests run on SQLite files and, where RTDASH_TEST_POSTGRES_URL names a server, on PostgreSQL."""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url

from rtdash.domain.reservations import Op, Operation
from rtdash.domain.venue_file import parse_venues
from rtdash.resources import data_path
from rtdash.store.database import Database
from rtdash.store.venues import save_venues

SERVER_URL = os.environ.get("RTDASH_TEST_POSTGRES_URL")
NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
TODAY = date(2026, 3, 10)

_default = data_path("fixtures", "venues", "default.toml")
HOTEL, GRILL = parse_venues(_default.read_text(encoding="utf-8"), source=str(_default))
SMALL_HOTEL = replace(HOTEL, id="small-hotel", room_types=(replace(HOTEL.room_types[0], id="attic", name="Attic", total_rooms=1),))
VENUES = (HOTEL, GRILL, SMALL_HOTEL)

_numbers = count(1)


class ManualClock:
    """Time stands still until a test moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The instant at which it stands."""
        return self.now

    def advance(self, **span: float) -> datetime:
        """Move it on by a span (`minutes=5`), and tell where it stands then."""
        self.now += timedelta(**span)
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", *(["postgresql"] if SERVER_URL else [])])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'rtdash.db'}"
        return
    server = make_url(SERVER_URL or "").set(drivername="postgresql+psycopg")
    name = f"rtdash_{uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name}")
    yield server.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    with admin.connect() as conn:
        conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(database_url: str, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Database]:
    """A store with two hotels and a restaurant."""
    opened = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    await opened.write(lambda conn: save_venues(conn, VENUES))
    yield opened
    await opened.close()


def table(**fields: Any) -> Operation:
    """A booking of the restaurant, two hours ahead unless told."""
    values = {"customer_name": "Anna Miller", "guests": 2, "source": "Phone", "start": NOW + timedelta(hours=2), **fields}
    return Operation(values.pop("operation_id", f"op-{next(_numbers)}"), Op.BOOK, values.pop("venue_id", GRILL.id), **values)


def room(**fields: Any) -> Operation:
    """A booking of the hotel's first room type, for two nights from tomorrow unless told."""
    stay = {"room_type": HOTEL.room_types[0].id, "check_in": TODAY + timedelta(days=1), "check_out": TODAY + timedelta(days=3)}
    values = {"customer_name": "Ben Jones", "guests": 1, "source": "Website", **stay, **fields}
    return Operation(values.pop("operation_id", f"op-{next(_numbers)}"), Op.BOOK, values.pop("venue_id", HOTEL.id), **values)


def then(op: Op, reservation_id: str, *, venue_id: str = GRILL.id, **fields: Any) -> Operation:
    """An operation on a reservation that exists."""
    return Operation(fields.pop("operation_id", f"op-{next(_numbers)}"), op, venue_id, reservation_id, **fields)
