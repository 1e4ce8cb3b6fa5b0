"""Request bodies: bounded while they arrive, then decoded, or refused with the reason."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import Any

from pydantic_core import from_json
from starlette.requests import Request

from rtdash.server.http.byte_budget import ByteBudget
from rtdash.server.rest.problems import Problem, rate_limited

SINGLE_LIMIT_BYTES = 64 * 1024
"""The body of one operation; the longest that is valid has a tenth of it."""
LIST_LIMIT_BYTES = 8 * 1024 * 1024
"""The body of a list of operations."""
RETRY_S = 1.0
"""After which a body that came beside too many others may be sent again."""
DRAIN_LIMIT_BYTES = 32 * 1024 * 1024
"""So much of a body that is too large is read and thrown away, so that its sender gets to read
why."""
MAX_BRACKETS = 4_000
"""Objects and lists in what is decoded in one step: a thousand operations have a thousand. Each one
costs the decoder, and the garbage collector, as much as many letters."""
_COMPRESSED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x9c", b"\x78\xda", b"\x28\xb5\x2f\xfd")
"""First bytes of gzip (RFC 1952), of zlib, which is `deflate` (RFC 1950), and of zstd (RFC 8878)."""
LENGTH_DIGITS = 15
"""A longer Content-Length is beyond every limit; Python refuses to read thousands of digits."""


def read_body(request: Request, limit_bytes: int, *, budget: ByteBudget, owner: str) -> "HeldBody":
    """Give the whole body for the length of an `async with` block; it counts for its owner while it
    comes and while it is in use.

    Entering the block raises Problem: 413 for a larger one, without keeping more of it than the
    limit; 400 where the peer goes away; 429 where the owner's bodies, or all of them, would be too
    many bytes.
    """
    return HeldBody(request, limit_bytes, budget, owner)


class HeldBody:
    """Body of a request, counted in a budget until its block ends. A class, as Python's own
    generators cost a booking more than the reading itself.
    """

    __slots__ = ("_budget", "_held_bytes", "_limit_bytes", "_owner", "_request")

    def __init__(self, request: Request, limit_bytes: int, budget: ByteBudget, owner: str) -> None:
        self._request = request
        self._limit_bytes = limit_bytes
        self._budget = budget
        self._owner = owner
        self._held_bytes = 0

    async def __aenter__(self) -> bytes:
        """Read it."""
        try:
            return await self._read()
        except BaseException:
            self._give_back()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Count it no longer."""
        self._give_back()

    async def _read(self) -> bytes:
        announced = _announced_bytes(self._request)
        chunks: list[bytes] = []
        size, is_more = 0, announced <= DRAIN_LIMIT_BYTES
        while is_more and size <= DRAIN_LIMIT_BYTES:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                # the peer doesn't read it, and nothing is wrong here
                raise Problem("unreadable", "the body has ended before its end")
            chunk, is_more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            if size <= self._limit_bytes:
                self._hold(len(chunk))
                chunks.append(chunk)
        if max(size, announced) > self._limit_bytes:
            raise Problem(
                "body_too_large",
                f"the body has more than {self._limit_bytes} bytes: send it in parts",
                facts={"limitBytes": self._limit_bytes},
            )
        return b"".join(chunks)

    def _hold(self, size: int) -> None:
        if not self._budget.reserve(self._owner, size):
            raise rate_limited(RETRY_S)
        self._held_bytes += size

    def _give_back(self) -> None:
        self._budget.give_back(self._owner, self._held_bytes)


def _announced_bytes(request: Request) -> int:
    """The Content-Length; 0 where it is left out. Raises Problem (400) for one that is none."""
    text = request.headers.get("content-length", "0").strip()
    if not text.isascii() or not text.isdigit():
        raise Problem("unreadable", "Content-Length must be a number of bytes")
    return int(text) if len(text) <= LENGTH_DIGITS else DRAIN_LIMIT_BYTES + 1


def without_mark(body: bytes) -> bytes:
    """The body without the byte-order mark of UTF-8 (RFC 8259 section 8.1 lets readers ignore
    it). Raises Problem (400) for another encoding, and for a compressed body.
    """
    if body.startswith(_COMPRESSED):
        raise Problem(
            "unreadable", "the body is compressed: send it as it is, without Content-Encoding"
        )
    if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise Problem(
            "unreadable", "the body is not JSON in UTF-8 but UTF-16 or UTF-32: send UTF-8"
        )
    return body.removeprefix(BOM_UTF8)


def count_brackets(text: bytes) -> int:
    """Return how many objects and lists a JSON text has at most: brackets in strings count, too."""
    return text.count(b"{") + text.count(b"[")


def decode_json(body: bytes, name: str = "the body") -> Any:
    """Return the value of a JSON text (RFC 8259, UTF-8). Raises Problem (400) where it is none, or
    one of too many parts or too deep.
    """
    text = without_mark(body)
    if count_brackets(text) > MAX_BRACKETS:
        raise Problem(
            "unreadable",
            f"{name} has more than {MAX_BRACKETS} brackets: no operation needs so many",
            facts={"limitBrackets": MAX_BRACKETS},
        )
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as reason:
        raise Problem("unreadable", f"{name} is not JSON: {reason}") from None
