"""Jobs of the writer, their results, and its report of a transaction."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from rtdash.store.errors import StoreUnavailable


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction, for metrics: how many functions it ran, how long the oldest had waited, how
    long it took, whether it was stored.
    """

    size: int
    waited_s: float
    took_s: float
    fault: StoreUnavailable | None


@dataclass(frozen=True, slots=True)
class Job:
    """A function that waits for its transaction, and the future of its caller."""

    work: Callable[[Connection], Any]
    future: asyncio.Future[Any]
    queued_at: float
    on_failed: Callable[[], None] | None


@dataclass(frozen=True, slots=True)
class Settled:
    """Result of a job, or its error."""

    job: Job
    result: Any = None
    error: Exception | None = None
