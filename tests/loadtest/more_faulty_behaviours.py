"""Ten more servers that are wrong, each in one way of its own kind."""

import time
from datetime import UTC, datetime
from typing import Any

from tests.loadtest.independent_behaviour import Behaviour

Json = dict[str, Any]


class JumpingVersions(Behaviour):
    """Versions skip one, now and then."""

    def event(self, event: Json) -> Json:
        """In every sixth event."""
        if "reservation" in event and event["seq"] % 6 == 0:
            event["reservation"]["version"] += 1
        return event


class Unbalanced(Behaviour):
    """Balances that are not what remains of the amount."""

    def event(self, event: Json) -> Json:
        """Of hotels."""
        if "reservation" in event and event["reservation"]["amount"]:
            event["reservation"]["balance"] += 1
        return event


class SkippingNotifications(Behaviour):
    """Announces two of three large parties only."""

    def event(self, event: Json) -> Json | None:
        """Every third notification is left out."""
        self.count = getattr(self, "count", 0) + (event["type"] == "notification")
        return None if event["type"] == "notification" and self.count % 3 == 1 else event


class BackwardClock(Behaviour):
    """A clock that is set back by a minute."""

    def event(self, event: Json) -> Json:
        """From the fiftieth event of a stream on."""
        if event["seq"] >= 50:
            event["timestamp"] = "2020" + event["timestamp"][4:]
        return event


class MixedUpBatches(Behaviour):
    """Batches in reverse order."""

    def batch(self, messages: list[Json]) -> list[Json]:
        """The last message first."""
        return messages[::-1]


class LateBatches(Behaviour):
    """Batches that come a second late."""

    def batch_delay_s(self) -> float:
        """Beyond the window that was asked for."""
        return 1.0


class Stale(Behaviour):
    """Some clients never get another state than the first."""

    def deliver(self, client: int, message: Json) -> list[tuple[float, Json]]:
        """The first of each channel only."""
        if client not in {4, 5, 6} or message.get("type") != "stats_update":
            return [(0.0, message)]
        key = f"{client} {message['channel']}"
        is_first = key not in self.__dict__
        self.__dict__[key] = True
        return [(0.0, message)] if is_first else []


class Misaddressed(Behaviour):
    """Events that name another venue, now and then."""

    def deliver(self, client: int, message: Json) -> list[tuple[float, Json]]:
        """Every twentieth of a stream."""
        if message.get("seq", 1) % 20:
            return [(0.0, message)]
        return [(0.0, message | {"venue": "elsewhere"})]


class Swelling(Behaviour):
    """Takes ten mebibytes more each second."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def memory_bytes(self) -> float:
        """As it publishes it."""
        return 1e8 + 10 * 2**20 * (time.monotonic() - self._began)


class StaleLists(Behaviour):
    """Lists that stand where they stood a while ago, and say that they are of now."""

    def show(self, reservation: Json) -> Json | None:
        """Leave out reservations younger than three seconds."""
        born = datetime.fromisoformat(reservation["createdAt"])
        return reservation if (datetime.now(UTC) - born).total_seconds() > 3 else None
