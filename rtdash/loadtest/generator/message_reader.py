"""Decoding of messages for the ledger: each distinct one once a process, however many clients
receive it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rtdash.loadtest.generator.message_validator import find_flaw
from rtdash.protocol.channels import Channel, Stream

_CACHE_LIMIT = 4096
_PAYLOADS = ("stats", "availability")


class Content(NamedTuple):
    """Content of an event as a client received it: digest and operation id."""

    digest: str
    operation_id: str | None


@dataclass(frozen=True, slots=True)
class DecodedMessage:
    """Decoded message. `seq` and `scheduled` (seconds of the monotonic clock) belong to events;
    `digest` is of the content, of a state message of its payload.
    """

    body: dict[str, Any]
    stream: Stream | None = None
    seq: int | None = None
    digest: str = ""
    scheduled: float | None = None
    flaw: str | None = None
    inner: tuple["DecodedMessage", ...] | None = None
    """Of a batch: its messages."""

    @property
    def label(self) -> str:
        """Return type and channel, for the counts of coverage."""
        kind = self.body.get("type", self.body.get("status", "?"))
        return f"{kind} {self.stream.channel}" if self.stream else str(kind)


class MessageReader:
    """Decoder of what the clients of this process receive in run `run_id`; it remembers the content
    of each event.
    """

    def __init__(self, run_id: str) -> None:
        self.contents: dict[Stream, dict[int, Content]] = {}
        """Each event's content as it was first received."""
        self._run_id = run_id
        self._cache: dict[str | bytes, DecodedMessage] = {}

    def read(self, payload: str | bytes) -> DecodedMessage:
        """Decode a frame; `flaw` says what is wrong with it."""
        message = self._cache.get(payload)
        if message is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            message = self._cache[payload] = self._decode(payload)
        return message

    def _decode(self, payload: str | bytes) -> DecodedMessage:
        try:
            body = json.loads(payload)
        except (ValueError, RecursionError):
            return DecodedMessage({}, flaw="not JSON")
        if not isinstance(body, dict):
            return DecodedMessage({}, flaw="not a JSON object")
        flaw = find_flaw(body, payload)
        if body.get("type") == "batch" and flaw is None:
            inner = tuple(self.read(json.dumps(one).encode()) for one in body["messages"])
            return DecodedMessage(body, inner=inner)
        return self._with_content(body, flaw)

    def _with_content(self, body: dict[str, Any], flaw: str | None) -> DecodedMessage:
        stream = _stream_of(body)
        seq = body.get("seq")
        if stream is None or not isinstance(seq, int):
            return DecodedMessage(body, stream, digest=digest_of(_payload_of(body)), flaw=flaw)
        operation = body.get("operationId")
        content = Content(digest_of(body), operation if isinstance(operation, str) else None)
        if self.contents.setdefault(stream, {}).setdefault(seq, content) != content:
            flaw = flaw or f"{stream.channel} seq {seq} says something else than before"
        scheduled = scheduled_of(str(operation), self._run_id)
        return DecodedMessage(body, stream, seq, content.digest, scheduled, flaw)


def operation_id(run_id: str, number: str, scheduled: float) -> str:
    """Return an operation id that carries the scheduled instant, in seconds of this machine's
    monotonic clock.
    """
    return f"lt-{run_id}-{number}-{round(scheduled * 1e6)}"


def is_of_run(operation: str | None, run_id: str) -> bool:
    """Return whether an operation id is one of this run's."""
    return operation is not None and operation.startswith(f"lt-{run_id}-")


def scheduled_of(operation: str, run_id: str) -> float | None:
    """Return the scheduled instant in an id of this run; None for other ids."""
    if not is_of_run(operation, run_id):
        return None
    micros = operation.rpartition("-")[2]
    return int(micros) / 1e6 if micros.isdecimal() else None


def digest_of(content: Any) -> str:
    """Return a digest that is equal for equal JSON, whatever the order of members."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()


def _payload_of(body: Mapping[str, Any]) -> Any:
    return next((body[name] for name in _PAYLOADS if name in body), None)


def _stream_of(body: Mapping[str, Any]) -> Stream | None:
    channel, venue = body.get("channel"), body.get("venue")
    if not isinstance(venue, str) or channel not in set(Channel):
        return None
    return Stream(venue, Channel(channel))
