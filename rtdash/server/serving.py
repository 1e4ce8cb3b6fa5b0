"""One server process: uvicorn around the app, the report of its readiness, reloads, the drain at
its end.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from rtdash.server import service_manager
from rtdash.server.admin_port import AdminApp, AdminProtocol
from rtdash.server.http.protocol import HttpProtocol
from rtdash.server.interpreter import tune_interpreter
from rtdash.server.listener import Listeners, is_unix
from rtdash.server.process_hooks import NEED_POLL_S, ProcessHooks
from rtdash.server.reload import Reloader, watch_certificate
from rtdash.server.signals import announce_abort, handles_hangup, release_hangup
from rtdash.server.tls import Certificate
from rtdash.server.uvicorn_config import make_config
from rtdash.settings import Settings

_UVICORN_LOG = logging.getLogger("uvicorn.error")

BACKLOG = 4096
"""Connections that may wait to be accepted: as many as a storm of resumes brings in one turn of the
event loop."""

_UNLIMITED_TLS_HANDSHAKE_S = 86_400.0
"""Limit of a TLS handshake where the settings have none: event loops need a number."""


def run(app: FastAPI, settings: Settings, listeners: Listeners, hooks: ProcessHooks) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP, then drain and return. Raises KeyboardInterrupt after
    SIGINT, and every exception that kept the app from starting.

    A SIGINT during the drain ends the process at once.
    """
    _UVICORN_LOG.addFilter(_is_wanted)
    failure: list[BaseException] = []
    _remember_failure(app, failure)
    # the caller reports a failed start, in words instead of a traceback
    _UVICORN_LOG.setLevel(logging.CRITICAL)
    try:
        server = _Server(app, settings, listeners, hooks)
        server.run(sockets=[])
    except SystemExit:
        if failure:
            raise failure[0] from None
        raise
    finally:
        listeners.stop_listening()


def _is_wanted(record: logging.LogRecord) -> bool:
    """Drop the line that uvicorn's WebSocket class logs for each handshake that was answered with a
    status (404, 503): any client could fill the log.
    """
    return record.msg != "ASGI callable returned without completing handshake."


class _Server(uvicorn.Server):
    """Server of uvicorn with more steps: it opens its sockets itself, reports that it is ready,
    reloads on SIGHUP, and drains the WebSockets before it shuts down.
    """

    def __init__(
        self, app: FastAPI, settings: Settings, listeners: Listeners, hooks: ProcessHooks
    ) -> None:
        super().__init__(make_config(app, settings))
        self._app = app
        self._settings = settings
        self._listeners = listeners
        self._hooks = hooks
        self._certificate = (
            Certificate(settings.ssl_certfile, settings.ssl_keyfile)
            if settings.ssl_certfile and settings.ssl_keyfile
            else None
        )
        self._stop_signal = signal.SIGTERM
        self._admin_server: asyncio.AbstractServer | None = None
        self._reloader: Reloader | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        services = self._app.state.services
        main, *admin = self._listeners.sockets
        self.servers.append(await self._listen(main, HttpProtocol, self.config, self._certificate))
        for one in admin:
            config = make_config(AdminApp(self._app), self._settings)
            config.load()
            self._admin_server = await self._listen(one, AdminProtocol, config, None)
        self._reloader = Reloader(services, self._hooks.reread, self._certificate)
        self._tasks += [
            asyncio.create_task(self._reloader.reload_on_request()),
            asyncio.create_task(service_manager.keep_alive()),
        ]
        if self._certificate is not None:
            services.metrics.watch_certificate(self._certificate)
            self._tasks.append(asyncio.create_task(watch_certificate(self._certificate)))
        _UVICORN_LOG.setLevel(logging.WARNING)
        tune_interpreter()
        self._hooks.on_ready()

    async def _listen(
        self,
        listener: socket.socket,
        protocol: type[HttpProtocol],
        config: uvicorn.Config,
        certificate: Certificate | None,
    ) -> asyncio.Server:
        """Accept connections on a socket. A TLS handshake has `handshake_timeout_s`."""

        def make_protocol() -> asyncio.Protocol:
            return protocol(config, self.server_state, self.lifespan.state)

        loop = asyncio.get_running_loop()
        options: dict[str, Any] = {"sock": listener, "backlog": BACKLOG}
        if certificate is not None:
            limit_s = self._settings.limits.handshake_timeout_s or _UNLIMITED_TLS_HANDSHAKE_S
            options |= {"ssl": certificate.context, "ssl_handshake_timeout": limit_s}
        open_server = loop.create_unix_server if is_unix(listener) else loop.create_server
        return await open_server(make_protocol, **options)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        services = self._app.state.services
        services.is_stopping = True
        self._hooks.on_ending()
        limits = services.settings.limits  # those of the last reload
        if self._stop_signal == signal.SIGTERM:
            await self._wait_for_balancers(limits.drain_delay_s)
        # the end of a child process sets no event
        while self._hooks.is_needed():  # noqa: ASYNC110
            await asyncio.sleep(NEED_POLL_S)
        watchdog = _start_watchdog(limits.shutdown_timeout_s) if limits.shutdown_timeout_s else None
        for server in self.servers:
            server.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limits.drain_window_s + 2):
                await services.connection_manager.drain()
        await super().shutdown(sockets)
        if self._admin_server is not None:  # health and metrics are answered to the last
            self._admin_server.close()
        for task in self._tasks:
            task.cancel()
        if watchdog is not None:
            watchdog.cancel()

    async def _wait_for_balancers(self, delay_s: float) -> None:
        """Serve on for `delay_s`, while `/readyz` says 503. Each answer closes its connection,
        so that a load balancer opens its next one elsewhere.
        """
        if delay_s:
            state = self.server_state
            state.default_headers = [*state.default_headers, (b"connection", b"close")]
            await asyncio.sleep(delay_s)

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Handle SIGHUP, too, and don't raise a signal again that was obeyed: a drain ends with
        exit code 0.
        """
        if threading.current_thread() is threading.main_thread() and handles_hangup():
            signal.signal(signal.SIGHUP, self._handle_hangup)
            release_hangup()
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
        if not self.should_exit:
            self._stop_signal = signal.Signals(sig)
        super().handle_exit(sig, frame)

    def _handle_hangup(self, sig: int, frame: FrameType | None) -> None:
        """Reload where a service manager sends the signal; drain where a terminal was closed."""
        if self._hooks.reread is None:
            self.handle_exit(sig, frame)
        elif self._reloader is not None:
            self._reloader.request()


def _start_watchdog(timeout_s: float) -> threading.Timer:
    """Start the timer that ends the process with 1, whatever delays its end, unless it is cancelled
    before.
    """
    watchdog = threading.Timer(timeout_s, os._exit, args=(1,))
    watchdog.daemon = True
    watchdog.start()
    return watchdog


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
