"""Decoding of messages for the ledger: each distinct one once a process, however many clients
receive it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtdash.loadtest.generator.shapes import find_flaw
from rtdash.protocol.channels import Channel, Stream

_CACHE_LIMIT = 4096
_PAYLOADS = ("stats", "availability")


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


class MessageReader:
    """Decoder of what the clients of this process receive in run `run_id`; it remembers the content
    of each event.
    """

    def __init__(self, run_id: str) -> None:
        self.contents: dict[Stream, dict[int, str]] = {}
        """Digest of each event's content as it was first received."""
        self._run_id = run_id
        self._cache: dict[bytes, DecodedMessage] = {}

    def read(self, payload: bytes) -> DecodedMessage:
        """Decode a frame; `flaw` says what is wrong with it."""
        seen = self._cache.get(payload)
        if seen is None:
            if len(self._cache) >= _CACHE_LIMIT:
                self._cache.clear()
            seen = self._cache[payload] = self._decode(payload)
        return seen

    def _decode(self, payload: bytes) -> DecodedMessage:
        try:
            body = json.loads(payload)
        except ValueError:
            return DecodedMessage({}, flaw="not JSON")
        if not isinstance(body, dict):
            return DecodedMessage({}, flaw="not a JSON object")
        flaw = find_flaw(body)
        stream = _stream_of(body)
        seq = body.get("seq")
        if stream is None or not isinstance(seq, int):
            return DecodedMessage(body, stream, digest=digest_of(_payload_of(body)), flaw=flaw)
        digest = digest_of(body)
        if self.contents.setdefault(stream, {}).setdefault(seq, digest) != digest:
            flaw = flaw or f"{stream.channel} seq {seq} says something else than before"
        return DecodedMessage(
            body,
            stream,
            seq,
            digest,
            scheduled_of(str(body.get("operationId")), self._run_id),
            flaw,
        )


def operation_id(run_id: str, number: str, scheduled: float) -> str:
    """Return an operation id that carries the scheduled instant, in seconds of this machine's
    monotonic clock.
    """
    return f"lt-{run_id}-{number}-{round(scheduled * 1e6)}"


def scheduled_of(operation: str, run_id: str) -> float | None:
    """Return the scheduled instant in an id of this run; None for other ids."""
    if not operation.startswith(f"lt-{run_id}-"):
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
