"""A server that keeps guests' names for some days only. On both lanes."""

from datetime import timedelta
from pathlib import Path

import pytest

from rtdash.domain.customers import ERASED
from rtdash.domain.instants import utc_now
from rtdash.domain.reservations import Op, Operation
from rtdash.server import guest_retention
from tests.server.sockets import GRILL, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio


async def test_clients_get_old_reservations_without_their_guests(
    tmp_path: Path, lane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `reservation_update` on their open sockets, and counted in the metrics."""
    monkeypatch.setattr(guest_retention, "INTERVAL_S", 0.1)
    now = utc_now()
    old = Operation(
        "op-old",
        Op.BOOK,
        GRILL,
        at=now - timedelta(days=50),
        customer_name="Ann Guest",
        guests=2,
        source="Phone",
        start=now - timedelta(days=40),
    )
    with serving(tmp_path, lane, guest_retention_days=30) as server:
        async with server.client() as client:
            await client.subscribe("restaurant_reservations")
            await server.book(name="Ben Guest")
            await server.call(lambda: server.services.bookings.apply([old]))
            update = await client.until(lambda body: body.get("type") == "reservation_update")
        assert update["reservation"]["customerName"] == ERASED
        assert update["reservation"]["version"] == 2
        await server.until(
            lambda: b"rtdash_guests_anonymised_total 1.0" in server.services.metrics.exposition()
        )
