"""Services that the HTTP connections of a process share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter

from rtdash.server.http.byte_budget import ByteBudget
from rtdash.server.http.idle_connections import IdleConnections
from rtdash.server.http.peer_address import TrustedProxies
from rtdash.server.http.unread_answers import UnreadAnswers
from rtdash.settings import Limits


@dataclass(frozen=True, slots=True)
class HttpEdge:
    """Services of the HTTP protocols. `upgrade` takes over a WebSocket's handshake: the protocol
    that has parsed its head, and the bytes that came behind it. `root_path` is the path under which
    a proxy serves all of it.
    """

    limits: Limits
    refusals: Counter
    idle_connections: IdleConnections[Any]
    heads: ByteBudget
    unread: UnreadAnswers[Any]
    proxies: TrustedProxies
    upgrade: Callable[[Any, bytes], None]
    root_path: str = ""
