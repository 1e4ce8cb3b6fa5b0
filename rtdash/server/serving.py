"""One server process: uvicorn around the app, the report of its readiness, the drain at its end."""

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
"""Factor between the message limit of uvicorn's WebSocket class and ours. It closes a message that
is too big without an error message and without notice to the app, so our lower limit must act
first."""

BACKLOG = 4096
"""Connections that may wait to be accepted: as many as a storm of resumes brings in one turn of the
event loop."""

_UNLIMITED_TLS_HANDSHAKE_S = 86_400.0
"""Limit of a TLS handshake where the settings have none: event loops need a number."""

SWITCH_INTERVAL_S = 0.001
"""Longest time that a thread of the store keeps the interpreter from the event loop: Python's
default of 5 ms shows in latencies."""

GC_THRESHOLDS = (20_000, 10, 10)
"""Thresholds of the cyclic garbage collector. They are high, because hardly any code here makes
cycles and each collection visits all objects of all connections; not higher, because old cycles of a
library are found only by the third number, after two million objects."""


def run(
    app: FastAPI,
    settings: Settings,
    listener: socket.socket,
    *,
    on_ready: Callable[[], None],
    on_ending: Callable[[], None],
) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP, then drain and return. Raises KeyboardInterrupt after
    SIGINT, and every exception that kept the app from starting.

    `on_ending` is called as soon as the end has begun, before anything is closed. A SIGINT during
    the drain ends the process at once.
    """
    _UVICORN_LOG.addFilter(_is_wanted)
    failure: list[BaseException] = []
    _remember_failure(app, failure)
    # the caller reports a failed start, in words instead of a traceback
    _UVICORN_LOG.setLevel(logging.CRITICAL)
    server = _Server(_config(app, settings), app, settings, on_ready=on_ready, on_ending=on_ending)
    try:
        server.run(sockets=[listener])
    except SystemExit:
        if failure:
            raise failure[0] from None
        raise
    finally:
        listener.close()


def _is_wanted(record: logging.LogRecord) -> bool:
    """Drop the line that uvicorn's WebSocket class logs for each handshake that was answered with a
    status (404, 503): any client could fill the log.
    """
    return record.msg != "ASGI callable returned without completing handshake."


def largest_frame_bytes(settings: Settings) -> int:
    """Return the message limit that is set in uvicorn's WebSocket class."""
    return _PLAIN_LANE_FACTOR * settings.limits.longest_message_bytes or 2**31


class _Server(uvicorn.Server):
    """Server of uvicorn with two more steps: it reports that it is ready, and drains the WebSockets
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
                asyncio.get_running_loop(),
                self._limits.handshake_timeout_s or _UNLIMITED_TLS_HANDSHAKE_S,
            )
        await super().startup(sockets)
        if self.started:
            _UVICORN_LOG.setLevel(logging.WARNING)
            _tune_interpreter()
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
        """Handle a closed terminal (SIGHUP), too, and don't raise a signal again that was obeyed:
        a drain ends with exit code 0.
        """
        if threading.current_thread() is threading.main_thread() and handles_hangup():
            signal.signal(signal.SIGHUP, self.handle_exit)
        with super().capture_signals():
            yield
            self._captured_signals[:] = [
                number for number in self._captured_signals if number == signal.SIGINT
            ]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the end at the first signal; a Ctrl-C after it ends the process at once."""
        if self.should_exit and sig == signal.SIGINT:
            announce_abort()
            os._exit(128 + signal.SIGINT)
        super().handle_exit(sig, frame)


def handles_hangup() -> bool:
    """Return whether SIGHUP is handled: under nohup it is ignored."""
    return signal.getsignal(signal.SIGHUP) != signal.SIG_IGN


def announce_abort() -> None:
    """Report to stderr that the drain was cut short. Clients see a lost connection instead of a
    `disconnect`; what was acknowledged is on disk.
    """
    # sys.stderr may be busy where a signal handler runs
    os.write(2, b"rtdash: ended at once, without the rest of the drain\n")


def _start_watchdog(timeout_s: float) -> threading.Timer:
    """Start the timer that ends the process with 1, whatever delays its end, unless it is cancelled
    before.
    """
    watchdog = threading.Timer(timeout_s, os._exit, args=(1,))
    watchdog.daemon = True
    watchdog.start()
    return watchdog


def _bound_tls_handshakes(loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
    """Add the one argument that uvicorn's call of `create_server` lacks; an event loop's own limit is
    60 s.
    """
    loop.create_server = functools.partial(loop.create_server, ssl_handshake_timeout=timeout_s)  # type: ignore[method-assign]


def _tune_interpreter() -> None:
    """Set the interpreter up for many connections that live long, and for an event loop beside
    threads that write.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    # what was built for the start stays till the end: no collection needs to visit it again
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
        proxy_headers=False,  # HttpProtocol reads them, for requests and handshakes alike
        timeout_graceful_shutdown=_graceful_s(limits),
        **options,
    )


def _graceful_s(limits: Limits) -> int | None:
    """Return the seconds that uvicorn gives to requests that still run: half of what the drain leaves
    of the shutdown timeout. None means no limit.
    """
    return (
        max(1, int(limits.shutdown_timeout_s - limits.drain_window_s) // 2)
        if limits.shutdown_timeout_s
        else None
    )


def _remember_failure(app: FastAPI, failure: list[BaseException]) -> None:
    """Keep the exception of a failed start for the caller; uvicorn writes it to the log only."""
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
