"""Stores to test on: the same tests run on SQLite files and on a real PostgreSQL server."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url

from rtdash.domain.reservations import Op, Operation
from rtdash.domain.venue_file import parse_venues
from rtdash.resources import data_path
from rtdash.store.database import Database
from rtdash.store.venues import save_venues
from tests.servers import TestServer

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
TODAY = date(2026, 3, 10)

_default = data_path("fixtures", "venues", "default.toml")
HOTEL, GRILL = parse_venues(_default.read_text(encoding="utf-8"), source=str(_default))
SMALL_HOTEL = replace(
    HOTEL,
    id="small-hotel",
    room_types=(replace(HOTEL.room_types[0], id="attic", name="Attic", total_rooms=1),),
)
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
        """Move it on by a span (`minutes=5`), and return where it stands then."""
        self.now += timedelta(**span)
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of the test's own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'rtdash.db'}"
    else:
        url = request.getfixturevalue("postgres_database")
        with _admin(url).begin() as conn:
            conn.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
                " current_database() AND pid <> pg_backend_pid()"
            )
            conn.exec_driver_sql("DROP SCHEMA public CASCADE")
            conn.exec_driver_sql("CREATE SCHEMA public")
        yield url


@pytest.fixture(scope="session")
def postgres_database(postgres_server: TestServer) -> Iterator[str]:
    """A database that tests empty and use one after the other: making one takes longer than most of
    them.
    """
    with new_database(postgres_server.url) as url:
        yield url


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """An empty database on a PostgreSQL server, gone behind the block, even with connections that
    are still open.
    """
    name, admin = f"rtdash_{uuid4().hex}", _admin(server_url)
    with admin.connect() as conn:
        conn.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as conn:
            conn.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def _admin(url: str) -> Engine:
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(
    database_url: str, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[Database]:
    """A store with two hotels and a restaurant."""
    opened = await Database.open(database_url, data_dir=tmp_path, clock=clock)
    await opened.write(lambda conn: save_venues(conn, VENUES))
    yield opened
    await opened.close()


def table(**fields: Any) -> Operation:
    """A booking of the restaurant, two hours ahead by default."""
    values = {
        "customer_name": "Anna Miller",
        "guests": 2,
        "source": "Phone",
        "start": NOW + timedelta(hours=2),
        **fields,
    }
    return Operation(
        values.pop("operation_id", f"op-{next(_numbers)}"),
        Op.BOOK,
        values.pop("venue_id", GRILL.id),
        **values,
    )


def room(**fields: Any) -> Operation:
    """A booking of the hotel's first room type, for two nights from tomorrow by default."""
    stay = {
        "room_type": HOTEL.room_types[0].id,
        "check_in": TODAY + timedelta(days=1),
        "check_out": TODAY + timedelta(days=3),
    }
    values = {"customer_name": "Ben Jones", "guests": 1, "source": "Website", **stay, **fields}
    return Operation(
        values.pop("operation_id", f"op-{next(_numbers)}"),
        Op.BOOK,
        values.pop("venue_id", HOTEL.id),
        **values,
    )


def then(op: Op, reservation_id: str, *, venue_id: str = GRILL.id, **fields: Any) -> Operation:
    """An operation on a reservation that exists."""
    return Operation(
        fields.pop("operation_id", f"op-{next(_numbers)}"), op, venue_id, reservation_id, **fields
    )
