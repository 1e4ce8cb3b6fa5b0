"""Servers that are wrong, each in one way; `wrong_servers` has the metrics that name them."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

from tests.loadtest.independent_behaviour import Behaviour, Client
from tests.loadtest.independent_server import IndependentServer
from tests.loadtest.independent_store import now_text

Json = dict[str, Any]


class Unfair(Behaviour):
    """Two clients get everything 1.5 s late."""

    def deliver(self, client: int, message: Json) -> list[tuple[float, Json]]:
        """Delay each message until 1.5 s after it was made."""
        if client not in {7, 10}:  # with drops, one of the two stands beside the proxy
            return [(0.0, message)]
        return [(max(0.0, 1.5 - age_s(message)), message)]


class Freezing(Behaviour):
    """Sends nothing for 3 s, to all."""

    def __init__(self) -> None:
        self._until: float | None = None

    def opened(self, server: IndependentServer, client: Client) -> None:
        """The freeze begins 4 s after the last client that comes early."""
        if len(server.clients) == 12:
            self._until = time.monotonic() + 7

    def deliver(self, client: int, message: Json) -> list[tuple[float, Json]]:
        """Late by what remains of the freeze."""
        left_s = 0.0 if self._until is None else self._until - time.monotonic()
        return [(left_s if 0 < left_s < 3 else 0.0, message)]


class Declining(Behaviour):
    """Slower by 200 ms each second, and remembers what waits."""

    most_waiting = 9_999

    def __init__(self) -> None:
        self._began = time.monotonic()

    def deliver(self, client: int, message: Json) -> list[tuple[float, Json]]:
        """Late by the time that has passed."""
        wanted_s = 0.2 * (time.monotonic() - self._began)
        return [(max(0.0, wanted_s - age_s(message)), message)]


class Creeping(Behaviour):
    """Slower by one millisecond each second."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def publish_delay_s(self, message: Json) -> float:
        """By the time that has passed."""
        return 0.001 * (time.monotonic() - self._began)


class Heartless(Behaviour):
    """Sends no ping, and keeps silent clients."""

    ping_interval_s = None


class Leaky(Behaviour):
    """Opens a file for each client and never closes it."""

    def opened(self, server: IndependentServer, client: Client) -> None:
        """Count three more open files, as a log, a lock and a cache would be."""
        self.open_files += 3


class Dropping(Behaviour):
    """Closes a client that did nothing."""

    def opened(self, server: IndependentServer, client: Client) -> None:
        """Three seconds later."""
        if client.number == 5:
            self._task = asyncio.create_task(self._close(client))

    async def _close(self, client: Client) -> None:
        await asyncio.sleep(3)
        await client.socket.close(1011)


class ForeignStates(Behaviour):
    """Sends the restaurant's figures to clients that follow none."""

    def deliver(self, client: int, message: Json) -> list[tuple[float, Json]]:
        """After each booking of a hotel."""
        told = [(0.0, message)]
        if message.get("type") == "new_reservation":
            figures = ("reservationsToday", "prepaidReservations", "expectedGuests")
            trends = ("pendingPaymentsTrend", "reservationsTrend", "prepaidTrend", "guestsTrend")
            stats: Json = dict.fromkeys(figures, 0) | dict.fromkeys(trends)
            state = {
                "type": "stats_update",
                "stats": stats | {"pendingPayments": 0},
                "channel": "restaurant_stats",
                "venue": "elsewhere",
                "currency": "EUR",
                "businessDate": "2026-01-01",
                "timestamp": now_text(),
            }
            told.append((0.0, state))
        return told


class Renaming(Behaviour):
    """Logs and sends another guest than was booked."""

    def event(self, event: Json) -> Json:
        """Every seventh booking."""
        if event["type"] == "new_reservation" and event["seq"] % 7 == 0:
            event["reservation"]["customerName"] = "Somebody Else"
        return event


class Forgetful(Behaviour):
    """Answers a repeat as if it were new."""

    def outcome(self, outcome: Json) -> Json:
        """Give a repeat the id of another reservation."""
        if outcome["outcome"] == "repeated":
            return outcome | {"outcome": "applied", "reservationId": "another"}
        return outcome


class Omitting(Behaviour):
    """Lists lack some reservations."""

    def show(self, reservation: Json) -> Json | None:
        """Every fifth."""
        return None if int(reservation["id"][1:]) % 5 == 0 else reservation


class Miscounting(Behaviour):
    """Figures that are off, by REST and socket alike."""

    def stats(self, stats: Json) -> Json:
        """By one guest for each reservation."""
        return stats | {"expectedGuests": stats["expectedGuests"] + stats["reservationsToday"]}


class Mute(Behaviour):
    """Sends no notification."""

    def event(self, event: Json) -> Json | None:
        """Reservations only."""
        return event if event["channel"].endswith("reservations") else None


class Uncommitted(Behaviour):
    """Sends the last events before they are stored, and loses them."""

    def opened(self, server: IndependentServer, client: Client) -> None:
        """Eight seconds after the first client."""
        if client.number == 1:
            self._task = asyncio.create_task(self._lose(server))

    async def _lose(self, server: IndependentServer) -> None:
        log = server.store.logs["r", "restaurant_reservations"]
        while len(log) < 100:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.sleep(2)
        del log[-3:]


class NewEpoch(Behaviour):
    """Loses its whole log in the middle."""

    def opened(self, server: IndependentServer, client: Client) -> None:
        """After a hundred events."""
        if client.number == 1:
            self._task = asyncio.create_task(self._lose(server))

    async def _lose(self, server: IndependentServer) -> None:
        log = server.store.logs["r", "restaurant_reservations"]
        while len(log) < 100:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        server.store.epoch = "e2"
        log.clear()


def age_s(message: Json) -> float:
    """How long ago a message was made, events and states alike: what waits behind another is not
    late by more than that.
    """
    return (datetime.now(UTC) - datetime.fromisoformat(message["timestamp"])).total_seconds()
