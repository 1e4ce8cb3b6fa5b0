"""Bounds on what a client reads of an answer: something else than rtdash may answer without an end
(a stream of sound, a page that stays open), or with little that is much when it is decoded.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import cast

import httpx2

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""As it comes, and decoded; the largest answers of rtdash, pages of events, have some of them."""
ANSWER_TIMEOUT_S = 60.0
"""For a whole body behind its head, however often a byte of it comes."""


class _Bounds:
    """Rest of an answer's bytes and time."""

    def __init__(self) -> None:
        self._bytes = MAX_ANSWER_BYTES
        self._until = time.monotonic() + ANSWER_TIMEOUT_S

    def take(self, chunk: bytes) -> bytes:
        """Return the chunk. Raises httpx2.ReadError beyond the bounds."""
        self._bytes -= len(chunk)
        if self._bytes < 0:
            raise httpx2.ReadError(f"the answer has more than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > self._until:
            raise httpx2.ReadError(f"the answer has no end after {ANSWER_TIMEOUT_S:g} s")
        return chunk


class _Stream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        bounds = _Bounds()
        for chunk in self._stream:
            yield bounds.take(chunk)

    def close(self) -> None:
        self._stream.close()


class _AsyncStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        bounds = _Bounds()
        async for chunk in self._stream:
            yield bounds.take(chunk)

    async def aclose(self) -> None:
        await self._stream.aclose()


def bound_answer(response: httpx2.Response) -> None:
    """Bound what is read of an answer; a hook of `httpx2.Client`."""
    response.stream = _Stream(cast("httpx2.SyncByteStream", response.stream))
    response.iter_bytes = _bounded(response.iter_bytes)  # type: ignore[method-assign]


async def bound_answer_async(response: httpx2.Response) -> None:
    """Bound what is read of an answer; a hook of `httpx2.AsyncClient`."""
    response.stream = _AsyncStream(cast("httpx2.AsyncByteStream", response.stream))
    response.aiter_bytes = _bounded_async(  # type: ignore[assignment, method-assign]
        response.aiter_bytes
    )


def _bounded(decoded: Callable[[int | None], Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
    """Bound the decoded chunks: a megabyte of gzip may be a thousand."""

    def read(chunk_size: int | None = None) -> Iterator[bytes]:
        bounds = _Bounds()
        for chunk in decoded(chunk_size):
            yield bounds.take(chunk)

    return read


def _bounded_async(
    decoded: Callable[[int | None], AsyncIterator[bytes]],
) -> Callable[[int | None], AsyncGenerator[bytes, None]]:
    async def read(chunk_size: int | None = None) -> AsyncGenerator[bytes, None]:
        bounds = _Bounds()
        async for chunk in decoded(chunk_size):
            yield bounds.take(chunk)

    return read
