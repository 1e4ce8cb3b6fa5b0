"""The composition: what it opens, what it refuses to open with, and that it leaves nothing
behind.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rtdash.broker.base import BrokerUnusable
from rtdash.domain.instants import utc_now
from rtdash.domain.reservations import Op, Operation
from rtdash.domain.venue_file import VenueFileError
from rtdash.protocol.channels import Channel, Stream
from rtdash.server.auth.keys import KeyUnusable
from rtdash.server.composition import open_parts
from rtdash.settings import SecretUnusable, Settings
from rtdash.store import event_log
from rtdash.store.database import StoreError, StoreLocked

pytestmark = pytest.mark.anyio
VENUE = """
[[venue]]
id = "{id}"
name = "Inn"
kind = "hotel"
timezone = "Europe/Lisbon"
currency = "EUR"
[[venue.roomTypes]]
id = "double"
name = "Double"
capacity = 2
baseRate = 120
totalRooms = 30
"""


@pytest.fixture
def anyio_backend() -> str:
    """Everything of ours runs on asyncio."""
    return "asyncio"


async def test_an_empty_store_gets_the_two_default_venues(tmp_path: Path) -> None:
    """And the data directory is made."""
    async with open_parts(Settings(data=tmp_path / "new" / "data"), utc_now) as services:
        assert list(services.venues) == ["harbour-hotel", "harbour-grill"]
        assert services.tasks.dead == []
    assert (tmp_path / "new" / "data" / "rtdash.db").exists()


async def test_a_venue_file_is_imported_and_stays(tmp_path: Path) -> None:
    """Into an empty store in place of the defaults, later beside what is there."""
    (tmp_path / "one.toml").write_text(VENUE.format(id="inn"), encoding="utf-8")
    (tmp_path / "two.toml").write_text(VENUE.format(id="annex"), encoding="utf-8")
    for file, expected in (
        ("one.toml", ["inn"]),
        ("two.toml", ["inn", "annex"]),
        (None, ["inn", "annex"]),
    ):
        async with open_parts(
            Settings(data=tmp_path, venues=tmp_path / file if file else None), utc_now
        ) as services:
            assert list(services.venues) == expected


async def test_a_wrong_venue_file_changes_nothing(tmp_path: Path) -> None:
    """The file is refused with its line, and what was there is there."""
    (tmp_path / "good.toml").write_text(VENUE.format(id="inn"), encoding="utf-8")
    (tmp_path / "bad.toml").write_text(
        VENUE.format(id="annex") + "baseRate = 3\n", encoding="utf-8"
    )
    async with open_parts(Settings(data=tmp_path, venues=tmp_path / "good.toml"), utc_now):
        pass
    with pytest.raises(VenueFileError, match=r"bad\.toml"):
        async with open_parts(Settings(data=tmp_path, venues=tmp_path / "bad.toml"), utc_now):
            pass
    async with open_parts(Settings(data=tmp_path), utc_now) as services:
        assert list(services.venues) == ["inn"]


async def test_one_data_directory_has_one_server(tmp_path: Path) -> None:
    """The second is refused while the first runs, and gets in afterwards."""
    async with open_parts(Settings(data=tmp_path), utc_now):
        with pytest.raises(StoreLocked):
            async with open_parts(Settings(data=tmp_path), utc_now):
                pass
    async with open_parts(Settings(data=tmp_path), utc_now):
        pass


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"secret": "short"}, SecretUnusable),
        ({"jwt_key_file": Path("missing.pem")}, KeyUnusable),
        ({"database": "mystery://x"}, StoreError),
        ({"broker": "mystery://x"}, BrokerUnusable),
    ],
)
async def test_what_cant_be_used_is_refused(
    tmp_path: Path, settings: dict[str, object], error: type[Exception]
) -> None:
    """Each with an error of its own, and the store is free again."""
    with pytest.raises(error):
        async with open_parts(Settings(data=tmp_path, **settings), utc_now):
            pass
    async with open_parts(Settings(data=tmp_path), utc_now):
        pass


async def test_the_end_leaves_no_task_behind(tmp_path: Path) -> None:
    """Opened and closed, the loop runs what it ran before."""
    before = asyncio.all_tasks()
    async with open_parts(Settings(data=tmp_path), utc_now):
        assert len(asyncio.all_tasks()) > len(before)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_events_older_than_the_retention_are_pruned(tmp_path: Path) -> None:
    """A server that starts after the retention removes them; the head stays."""
    then = datetime(2026, 1, 1, tzinfo=UTC)
    table = {"customer_name": "Ada", "guests": 2, "source": "web", "start": then}
    stream = Stream("harbour-grill", Channel.RESTAURANT_RESERVATIONS)
    async with open_parts(Settings(data=tmp_path), lambda: then) as services:
        await services.bookings.apply([Operation("one", Op.BOOK, "harbour-grill", **table)])
        assert (
            await services.database.read(
                lambda connection: event_log.read_floor(connection, stream)
            )
            == 0
        )
    async with (
        open_parts(
            Settings(data=tmp_path), lambda: then + timedelta(days=7, seconds=1)
        ) as services,
        asyncio.timeout(30),
    ):
        # pruning gives no sign
        while (  # noqa: ASYNC110
            await services.database.read(
                lambda connection: event_log.read_floor(connection, stream)
            )
            != 1
        ):
            await asyncio.sleep(0)
        assert await services.database.read(
            lambda connection: event_log.read_heads(connection, [stream])
        ) == {stream: 1}
