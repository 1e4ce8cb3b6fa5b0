"""One server process: the listening socket, uvicorn around the app, readiness told once it is true,
the drain at its end.
"""

import asyncio
import contextlib
import functools
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from rtdash.server.http.protocol import HttpProtocol
from rtdash.server.ws.plain_socket import PlainSocket
from rtdash.settings import Limits, Settings

_UVICORN_LOG = logging.getLogger("uvicorn.error")

_PLAIN_LANE_FACTOR = 4
"""The plain lane's own server closes a message that is too big without a word and unseen by us: its
bound is so much above ours, so that
ours speaks first."""

BACKLOG = 4096
"""Connections that may wait to be accepted: as many as a storm of resumes brings in one loop
turn."""


NOTSENT_LOWAT_BYTES = 32 * 1024
"""What the kernel takes beyond what it has sent; without it 4 MiB hide there before a slow reader
shows (DESIGN rule 5)."""

_TLS_PATIENCE_S = 86_400.0
"""What a TLS handshake gets where it has no limit: event loops know no word for never."""

_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)

SWITCH_INTERVAL_S = 0.001
"""How long a thread of the store may keep the interpreter from the event loop: Python's default of
5 ms shows in latencies."""

GC_THRESHOLDS = (20_000, 10, 10)
"""How rarely cycles are looked for: next to nothing here makes any, and each look goes over all
objects of all connections. Not more rarely:
what a library leaves behind that has lived long is only found by the third number, after two
million objects."""


# a refusal of the machine, translated for the person who typed the port
class ListenFailed(Exception):  # noqa: N818
    """The address can't be listened on; `reason` says why."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"can't listen on {host}:{port}: {reason}")


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A bound socket that doesn't listen yet, so that nobody connects before the server is ready.
    Raises ListenFailed.

    A `shared` port takes further sockets, of this user only, and the kernel spreads connections
    over those that listen.
    """
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with contextlib.suppress(OSError):  # a kernel without it
            listener.setsockopt(
                socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES
            )  # those that it accepts inherit it
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise ListenFailed(host, port, error.strerror or str(error)) from None
    listener.set_inheritable(True)
    return listener


def run(
    app: FastAPI,
    settings: Settings,
    listener: socket.socket,
    *,
    on_ready: Callable[[], None],
    on_ending: Callable[[], None],
) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP, then drain. Returns afterwards; raises
    KeyboardInterrupt after SIGINT.

    `on_ending` is called as soon as the end has begun, before anything is closed. A SIGINT during
    the drain ends the process at once.

    Raises whatever kept the app from starting.
    """
    _UVICORN_LOG.addFilter(_is_news)
    failure: list[BaseException] = []
    _remember_failure(app, failure)
    _UVICORN_LOG.setLevel(
        logging.CRITICAL
    )  # a failed start is told by the caller, in words instead of a traceback
    server = _Server(_config(app, settings), app, settings, on_ready=on_ready, on_ending=on_ending)
    try:
        server.run(sockets=[listener])
    except SystemExit:
        if failure:
            raise failure[0] from None
        raise
    finally:
        listener.close()


def _is_news(record: logging.LogRecord) -> bool:
    """Uvicorn's own WebSocket class blames the app for each handshake that was answered with a
    status (404, 503): anybody could fill the log.
    """
    return record.msg != "ASGI callable returned without completing handshake."


def largest_frame_bytes(settings: Settings) -> int:
    """What the server below is told to take at most."""
    return _PLAIN_LANE_FACTOR * settings.limits.longest_message_bytes or 2**31


class _Server(uvicorn.Server):
    """The server of uvicorn with two more steps: tell that it is ready, and drain the sockets
    before it shuts down.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        settings: Settings,
        *,
        on_ready: Callable[[], None],
        on_ending: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._app = app
        self._limits = settings.limits
        self._on_ready = on_ready
        self._on_ending = on_ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self.config.is_ssl:
            _bound_tls_handshakes(
                asyncio.get_running_loop(), self._limits.handshake_timeout_s or _TLS_PATIENCE_S
            )
        await super().startup(sockets)
        if self.started:
            _UVICORN_LOG.setLevel(logging.WARNING)
            _settle_in()
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        watchdog = (
            _start_watchdog(self._limits.shutdown_timeout_s)
            if self._limits.shutdown_timeout_s
            else None
        )
        self._on_ending()
        for server in self.servers:
            server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(
                self._app.state.services.connection_manager.drain(), self._limits.drain_window_s + 2
            )
        await super().shutdown(sockets)
        if watchdog is not None:
            watchdog.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """As uvicorn's, but a closed terminal is heard, too, and what was obeyed is not raised
        again: the drain is a fine end, exit code 0.
        """
        if threading.current_thread() is threading.main_thread() and heeds_hangup():
            signal.signal(signal.SIGHUP, self.handle_exit)
        with super().capture_signals():
            yield
            self._captured_signals[:] = [
                number for number in self._captured_signals if number == signal.SIGINT
            ]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first one begins the end; a Ctrl-C after it doesn't wait for the rest of it."""
        if self.should_exit and sig == signal.SIGINT:
            tell_end_at_once()
            os._exit(128 + signal.SIGINT)
        super().handle_exit(sig, frame)


def heeds_hangup() -> bool:
    """Whether the end of the terminal is ours to hear: under nohup it isn't."""
    return signal.getsignal(signal.SIGHUP) != signal.SIG_IGN


def tell_end_at_once() -> None:
    """What a second Ctrl-C asks for: clients see a lost connection instead of a farewell; what was
    acknowledged is on disk.
    """
    os.write(
        2, b"rtdash: ended at once, without the rest of the drain\n"
    )  # in a signal handler, where sys.stderr may be busy


def _start_watchdog(timeout_s: float) -> threading.Timer:
    """Ends the process with 1, whatever holds it up, unless it is cancelled before."""
    watchdog = threading.Timer(timeout_s, os._exit, args=(1,))
    watchdog.daemon = True
    watchdog.start()
    return watchdog


def _bound_tls_handshakes(loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
    """Uvicorn has no option for it, and a loop's own bound is 60 s: this is the one argument that
    its call of the loop lacks.
    """
    loop.create_server = functools.partial(loop.create_server, ssl_handshake_timeout=timeout_s)  # type: ignore[method-assign]


def _settle_in() -> None:
    """Have the interpreter run for many connections that live long, and for an event loop beside
    threads that write.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    # what was built for the start is there till the end, and needn't be looked at again and again
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    limits = settings.limits
    options: dict[str, Any] = {}
    if settings.ssl_certfile:
        options |= {"ssl_certfile": settings.ssl_certfile, "ssl_keyfile": settings.ssl_keyfile}
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        log_config=None,
        access_log=False,  # it would print the URL with its query string, and with it the token
        lifespan="on",
        backlog=BACKLOG,
        ws=PlainSocket,  # the fast lane's handshakes never come to it
        ws_ping_interval=limits.ping_interval_s or None,
        ws_ping_timeout=limits.pong_timeout_s or None,
        ws_max_size=largest_frame_bytes(settings),
        # shared compression is ours: once per flush, not once per connection
        ws_per_message_deflate=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
        timeout_graceful_shutdown=_graceful_s(limits),
        **options,
    )


def _graceful_s(limits: Limits) -> int | None:
    """What uvicorn gives to requests that still run: half of what the drain leaves of the time for
    all of it; None: any time.
    """
    return (
        max(1, int(limits.shutdown_timeout_s - limits.drain_window_s) // 2)
        if limits.shutdown_timeout_s
        else None
    )


def _remember_failure(app: FastAPI, failure: list[BaseException]) -> None:
    """Keep the exception of a failed start for the caller; the log is the only place where uvicorn
    tells of it.
    """
    lifespan = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def remembering(running: FastAPI) -> AsyncIterator[Any]:
        try:
            async with lifespan(running) as state:
                yield state
        except Exception as error:
            failure.append(error)
            raise

    app.router.lifespan_context = remembering
