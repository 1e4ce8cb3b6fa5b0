"""A receiver of webhooks: one signed POST, and what came of it, bounded in time and bytes."""

import asyncio
import math
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version

import httpcore2

from rtdash.protocol.webhook_signatures import ID, SIGNATURE, TIMESTAMP, parse_secret, sign
from rtdash.webhooks.attempts import Attempt, Result
from rtdash.webhooks.network import AddressRefused, CheckedBackend, NameUnknown

TIMEOUT_S = 10.0
"""From connecting to the end of the answer."""
KEEP_ALIVE_S = 30.0
MAX_ANSWER = 16_384
"""Bytes of an answer that are read; of a longer one the connection is closed."""
MAX_RETRY_AFTER_S = 3600.0
MAX_LOCATION = 200

_AGENT = f"rtdash/{version('rtdash')}"
_GONE = 410


class Receiver:
    """The receiver of one webhook, with at most one connection. It isn't reached through proxies of
    the environment, which would look its name up by themselves.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        backend: CheckedBackend,
        tls: ssl.SSLContext | None,
        clock: Callable[[], datetime],
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._url = url
        self._key = parse_secret(secret)
        self._backend = backend
        self._tls = tls
        self._clock = clock
        self._timeout_s = timeout_s
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def post(self, delivery_id: str, body: bytes) -> Attempt:
        """Send one delivery, signed now. Whatever goes wrong is an Attempt that failed."""
        timestamp = int(self._clock().timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": _AGENT,
            "accept-encoding": "identity",
            ID: delivery_id,
            TIMESTAMP: str(timestamp),
            SIGNATURE: sign(self._key, delivery_id, timestamp, body),
        }
        try:
            pool = self._pool = self._pool or await self._open_pool()
        except OSError as error:
            return Attempt(Result.FAILED, _no_certificates(error))
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(pool, list(headers.items()), body)
        except TimeoutError:
            problem = f"no answer within {self._timeout_s:g} s: answer first, and work then"
        except (AddressRefused, NameUnknown) as error:
            problem = str(error)
        except httpcore2.TimeoutException:
            problem = "it can't be connected to: nothing answers at that address"
        except httpcore2.ConnectError as error:
            problem = _connect_problem(str(error))
        except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError, OSError) as error:
            problem = f"the connection broke before an answer: {error or type(error).__name__}"
        return Attempt(Result.FAILED, problem)

    async def close(self) -> None:
        """Close the connection."""
        if self._pool is not None:
            await self._pool.aclose()

    async def _open_pool(self) -> httpcore2.AsyncConnectionPool:
        """Make the pool, with certificates to trust. Raises OSError where they can't be read.

        The library would read them for each connection, and hold the event loop up for it.
        """
        if self._tls is None and self._url.startswith("https:"):
            self._tls = await asyncio.to_thread(httpcore2.default_ssl_context)
        return httpcore2.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=1,
            max_keepalive_connections=1,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=self._backend,
        )

    async def _exchange(
        self, pool: httpcore2.AsyncConnectionPool, headers: list[tuple[str, str]], body: bytes
    ) -> Attempt:
        async with pool.stream("POST", self._url, headers=headers, content=body) as answer:
            read = 0
            async for part in answer.aiter_stream():
                read += len(part)
                if read > MAX_ANSWER:
                    break
        names = {name.lower(): value.decode("latin-1") for name, value in answer.headers}
        return self._judge(answer.status, names)

    def _judge(self, status: int, headers: dict[bytes, str]) -> Attempt:
        if 200 <= status < 300:
            return Attempt(Result.DELIVERED)
        if status == _GONE:
            return Attempt(
                Result.GONE, "HTTP 410: it wants no more; remove the webhook, or add it again"
            )
        wait_s = _retry_after_s(headers.get(b"retry-after", ""), self._clock())
        return Attempt(
            Result.FAILED, f"HTTP {status}: {_advice(status, headers)}", retry_after_s=wait_s
        )


def _advice(status: int, headers: dict[bytes, str]) -> str:
    if 300 <= status < 400:
        place = headers.get(b"location", "")[:MAX_LOCATION] or "a place that it doesn't name"
        return (
            f"it has moved to {place}; redirects are not followed: remove the webhook, and add that"
            " address"
        )
    match status:
        case 401 | 403:
            return "it doesn't take the signature: check that it has the secret of this webhook"
        case 404 | 405:
            return "nothing takes webhooks at that address: check its path"
        case 429:
            return "it gets more than it wants"
        case _ if status >= 500:
            return "it failed: see its log"
        case _:
            return "it refuses this event: it is sent again until it is taken or has left the log"


def _retry_after_s(text: str, now: datetime) -> float:
    """Return the seconds of a Retry-After header (RFC 9110, 10.2.3), 0 where there is none."""
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return 0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    wait_s = (until - now).total_seconds()
    return min(max(0.0, wait_s), MAX_RETRY_AFTER_S) if math.isfinite(wait_s) else 0


def _no_certificates(error: OSError) -> str:
    return (
        f"the certificates that this server trusts can't be read ({error.strerror or error}): mend"
        " or unset its SSL_CERT_FILE, SSL_CERT_DIR"
    )


def _connect_problem(error: str) -> str:
    if "CERTIFICATE_VERIFY_FAILED" in error:
        return f"its certificate can't be verified: {error}; mend it, or trust it: SSL_CERT_FILE"
    if "WRONG_VERSION_NUMBER" in error:
        return "it speaks no TLS at that port: check scheme and port of its address"
    return f"it can't be connected to: {error or 'no reason was given'}; is it running?"
