"""Rows of the live view's list: one reservation with its latest change. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from rtdash.domain.instants import parse_instant
from rtdash.watch.formatting import change_words

_BACKFILL_AGE = timedelta(hours=1)
"""An operation dated back by more than this was imported, and isn't news."""


class Badge(Enum):
    """Kind of the latest change of a row: its sign on the screen."""

    NEW = "+"
    CHANGED = "↻"
    LISTED = " "
    """Known from REST; nothing has come since."""


@dataclass(frozen=True, slots=True)
class Row:
    """One reservation: `reservation` as of its latest version, `timestamp` of the latest change."""

    venue: str
    reservation: dict[str, Any]
    badge: Badge
    words: str
    timestamp: str

    @classmethod
    def of_message(cls, message: dict[str, Any]) -> "Row":
        """Make the row of a `new_reservation` or `reservation_update`."""
        badge = Badge.NEW if message["type"] == "new_reservation" else Badge.CHANGED
        return cls(
            message["venue"],
            message["reservation"],
            badge,
            change_words(message),
            message["timestamp"],
        )

    @classmethod
    def of_reservation(cls, venue: str, reservation: dict[str, Any]) -> "Row":
        """Make the row of a reservation that REST lists, at the instant at which it was booked."""
        return cls(
            venue, reservation, Badge.LISTED, "booked", str(reservation.get("createdAt", ""))
        )

    @property
    def key(self) -> tuple[str, str]:
        """Venue and id of the reservation."""
        return self.venue, self.reservation["id"]

    @property
    def version(self) -> int:
        """Version of the reservation, counted up by every change."""
        version: int = self.reservation.get("version", 0)
        return version


def is_backfill(message: dict[str, Any]) -> bool:
    """Whether the change happened (`at`) long before it was written (`timestamp`)."""
    at = message.get("at")
    return (
        at is not None and parse_instant(message["timestamp"]) - parse_instant(at) > _BACKFILL_AGE
    )
