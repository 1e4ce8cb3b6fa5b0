"""The Python client: `connect` follows channels, `Api` reads and writes by REST."""

from rtdash.client.api import Api
from rtdash.client.api_errors import NotAllowed, Problem, Unreachable
from rtdash.client.connection_states import ConnectionChange, State
from rtdash.client.live_connection import Connection, connect
from rtdash.client.timing import Timing
from rtdash.client.token_source import TokenSource
from rtdash.client.websocket_connection import ConnectionRejected

__all__ = [
    "Api",
    "Connection",
    "ConnectionChange",
    "ConnectionRejected",
    "NotAllowed",
    "Problem",
    "State",
    "Timing",
    "TokenSource",
    "Unreachable",
    "connect",
]
