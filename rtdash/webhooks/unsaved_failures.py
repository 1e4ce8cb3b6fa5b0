"""Failures of receivers that are not in the store yet. Those of all webhooks are saved by one
commit, since bookings wait for each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rtdash.store.database import Connection
from rtdash.store.webhooks import save_failure


@dataclass(frozen=True, slots=True)
class _Failure:
    text: str
    at: datetime
    count: int


class UnsavedFailures:
    """The last failure of each webhook since it was saved, and how many there were."""

    def __init__(self) -> None:
        self._by_webhook: dict[str, _Failure] = {}

    def add(self, webhook_id: str, text: str, at: datetime) -> None:
        """Keep why an attempt failed."""
        known = self._by_webhook.get(webhook_id)
        self._by_webhook[webhook_id] = _Failure(text, at, (known.count if known else 0) + 1)

    def forget(self, webhook_id: str) -> int:
        """Drop what is kept of a webhook, and return how many failures that were."""
        known = self._by_webhook.pop(webhook_id, None)
        return known.count if known else 0

    def take(self) -> Mapping[str, _Failure]:
        """Return all, to be saved; from then on they are forgotten."""
        taken, self._by_webhook = self._by_webhook, {}
        return taken

    def put_back(self, taken: Mapping[str, _Failure]) -> None:
        """Keep again what couldn't be saved, beside what came meanwhile."""
        self._by_webhook = {**taken, **self._by_webhook}


def save_failures(conn: Connection, process: str, taken: Mapping[str, _Failure]) -> None:
    """Save failures of webhooks that the process still holds."""
    for webhook_id, one in taken.items():
        save_failure(
            conn, webhook_id, process, one.text, at=one.at, count=one.count, is_final=False
        )
