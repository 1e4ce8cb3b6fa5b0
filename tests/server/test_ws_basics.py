"""Getting in, subscribing, and what comes then: on both lanes."""

from pathlib import Path

import pytest
from tests.server.sockets import BOTH_LANES, serve

pytestmark = [pytest.mark.anyio, BOTH_LANES]


async def test_the_documents_subscribe_is_acknowledged(tmp_path: Path, lane: str) -> None:
    """The requirements' subscribe gets their acknowledgement, field for field, with ours beside it."""
    channels = ["hotel_stats", "hotel_reservations", "hotel_notifications"]
    async with serve(tmp_path, lane) as server, server.client() as client:
        answer = await client.ask(action="subscribe", channels=channels)
        assert list(answer) == ["status", "channels", "venues", "session", "positions", "recovered"]
        assert (answer["status"], answer["channels"]) == ("subscribed", channels)
        assert answer["venues"] == dict.fromkeys(channels, "harbour-hotel")
        assert {name: position["seq"] for name, position in answer["positions"].items()} == {
            "hotel_reservations": 0,
            "hotel_notifications": 0,
        }
        assert answer["recovered"] == {}
        assert (await client.receive())["type"] == "stats_update"
        assert (await client.receive())["type"] == "room_availability_update"
