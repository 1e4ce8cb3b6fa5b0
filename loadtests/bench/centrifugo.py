"""Centrifugo, the rival of a connection: it verifies a token, subscribes, and recovers what a client
has missed, too. Measured where it is installed.
"""

import json
import shutil
from pathlib import Path

import jwt
from processes import Subscription

NEEDS = "centrifugo (go install github.com/centrifugal/centrifugo/v6@latest)"
_KEY = "a-key-of-centrifugo-for-measurements-only"
_CHANNEL = "bookings"


def is_here() -> bool:
    """Whether it is installed."""
    return shutil.which("centrifugo") is not None


def command(directory: Path, port: int) -> list[str]:
    """Return the command line of a server with history and recovery, one node, in memory."""
    config = {
        "http_server": {"address": "127.0.0.1", "port": str(port)},
        "client": {"token": {"hmac_secret_key": _KEY}},
        "channel": {
            "without_namespace": {
                "history_size": 1_000,
                "history_ttl": "300s",
                "force_recovery": True,
            }
        },
        "log": {"level": "error"},
    }
    path = directory / "centrifugo.json"
    path.write_text(json.dumps(config))
    return ["centrifugo", "-c", str(path)]


def subscription() -> Subscription:
    """Return its cheapest way in: the token names the channel, so that one command and one answer
    do for both.
    """
    token = jwt.encode({"sub": "measurements", "channels": [_CHANNEL]}, _KEY, "HS256")
    hello = json.dumps({"id": 1, "connect": {"token": token}}, separators=(",", ":"))
    return Subscription("/connection/websocket", hello)
