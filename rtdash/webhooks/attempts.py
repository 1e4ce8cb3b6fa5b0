"""Attempts to deliver to a receiver, and what came of them."""

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """Result of an attempt; `gone` ends the webhook."""

    DELIVERED = "delivered"
    FAILED = "failed"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Attempt:
    """Outcome of one POST. `failure` says what to mend; `retry_after_s` is what the receiver asked
    for.
    """

    result: Result
    failure: str = ""
    retry_after_s: float = 0
