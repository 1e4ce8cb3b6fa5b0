"""Configuration of uvicorn."""

from typing import Any

import uvicorn

from rtdash.server.http.protocol import HttpProtocol
from rtdash.server.ws.plain_socket import PlainSocket
from rtdash.settings import Limits, Settings

_PLAIN_LANE_FACTOR = 4
"""Factor between the message limit of uvicorn's WebSocket class and ours. It closes a message that
is too big without an error message and without notice to the app, so our lower limit must act
first."""


def largest_frame_bytes(settings: Settings) -> int:
    """Return the message limit that is set in uvicorn's WebSocket class."""
    return _PLAIN_LANE_FACTOR * settings.limits.longest_message_bytes or 2**31


def make_config(app: Any, settings: Settings) -> uvicorn.Config:
    """Return uvicorn's configuration for an app. Sockets and TLS are no part of it."""
    limits = settings.limits
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        log_config=None,
        access_log=False,  # it would print the URL with its query string, and with it the token
        lifespan="on",
        ws=PlainSocket,  # the fast lane's handshakes never come to it
        ws_ping_interval=limits.ping_interval_s or None,
        ws_ping_timeout=limits.pong_timeout_s or None,
        ws_max_size=largest_frame_bytes(settings),
        # shared compression is ours: once per flush, not once per connection
        ws_per_message_deflate=False,
        server_header=False,
        proxy_headers=False,  # HttpProtocol reads them, for requests and handshakes alike
        timeout_graceful_shutdown=_graceful_s(limits),
    )


def _graceful_s(limits: Limits) -> int | None:
    """Return the seconds that uvicorn gives to requests that still run: half of what the drain
    leaves of the shutdown timeout. None means no limit.
    """
    return (
        max(1, int(limits.shutdown_timeout_s - limits.drain_window_s) // 2)
        if limits.shutdown_timeout_s
        else None
    )
