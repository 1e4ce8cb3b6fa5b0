"""Connections to receivers of webhooks. Each is made to an address that was checked just before, so
that a name can't lead to the server's own network (DNS rebinding).
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from threading import Thread
from typing import Any

import httpcore2
import psutil

from rtdash.protocol.webhook_addresses import (
    Address,
    AllowedAddresses,
    parse_address,
    why_refused,
)

CONNECT_TIMEOUT_S = 4.0
"""For one address; a name may have several, and one of them may be unreachable."""
MAX_ADDRESSES = 4
"""Addresses of a name that are tried."""
SETTING = "RTDASH_HOOKS_ALLOW"

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]


# a refusal, for the operator of the server
class AddressRefused(httpcore2.ConnectError):
    """A receiver to which nothing may be sent; the text says why, and how to allow it."""


class NameUnknown(httpcore2.ConnectError):
    """A host name without an address."""


class Resolver:
    """Looks host names up, one lookup at a time: a name server that doesn't answer holds one
    thread, and never one of those that others wait for.
    """

    def __init__(self) -> None:
        self._under_way: asyncio.Future[Sequence[str]] | None = None

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host, as text. Raises NameUnknown."""
        if self._under_way is None or self._under_way.done():
            self._under_way = self._start(host, port)
        return await asyncio.shield(self._under_way)

    def _start(self, host: str, port: int) -> asyncio.Future[Sequence[str]]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Sequence[str]] = loop.create_future()
        found.add_done_callback(lambda done: done.cancelled() or done.exception())

        def settle(addresses: Sequence[str] | None) -> None:
            if found.done():
                return
            if addresses:
                found.set_result(addresses)
            else:
                found.set_exception(NameUnknown(f"the name {host} has no address"))

        def run() -> None:
            addresses = _addresses_of(host, port)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, addresses)

        Thread(target=run, name="rtdash-webhook-name", daemon=True).start()
        return found


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to addresses of the outside, or to those that are allowed; without TLS only to the
    latter.
    """

    def __init__(
        self, allowed: AllowedAddresses, *, is_tls: bool, look_up: LookUp | None = None
    ) -> None:
        self._allowed = allowed
        self._is_tls = is_tls
        self._look_up = look_up or Resolver()
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address that answers. Raises AddressRefused, NameUnknown, and what
        httpcore2 raises.
        """
        del timeout
        failure: Exception | None = None
        for address in (await self.permitted(host, port))[:MAX_ADDRESSES]:
            try:
                return await self._inner.connect_tcp(
                    address,
                    port,
                    timeout=CONNECT_TIMEOUT_S,
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        assert failure is not None, "a host without an address raises before"
        raise failure

    async def permitted(self, host: str, port: int) -> list[str]:
        """Return the host's addresses that may be connected to, never none. Raises AddressRefused,
        NameUnknown.
        """
        literal = parse_address(host)
        texts = [str(literal)] if literal else await self._look_up(host, port)
        own = _own_addresses()
        refused, permitted = [], []
        for text in texts:
            address = parse_address(text)
            reason = "no address" if address is None else self._why_not(host, address, own)
            if reason is None:
                permitted.append(text)
            else:
                refused.append(f"{text} is {reason}")
        if permitted:
            return permitted
        raise AddressRefused(
            f"{host} may not be sent to: {refused[0]}; if it is meant, allow it: {SETTING}={host}"
        )

    def _why_not(self, host: str, address: Address, own: set[Address]) -> str | None:
        if self._allowed.has(host, address):
            return None
        if reason := why_refused(address, own):
            return reason
        return None if self._is_tls else "of the outside, which needs https"


def load_backend() -> None:
    """Import what a first connection needs. To be called in a thread: it takes 40 ms, for which the
    event loop would hold every client up.
    """
    import anyio.streams.tls  # noqa: PLC0415

    anyio.run(anyio.sleep, 0)
    _ = anyio.connect_tcp  # the look at it imports its module


def _addresses_of(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _own_addresses() -> set[Address]:
    texts = (entry.address for entries in psutil.net_if_addrs().values() for entry in entries)
    return {address for address in map(parse_address, texts) if address is not None}
