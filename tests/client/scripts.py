"""The stream that most tests of the connection follow, what a server that is well does, and what
came of it.
"""

from rtdash.client import ConnectionChange

CHANNELS = ["hotel_reservations"]
STREAM = ("harbour-hotel", "hotel_reservations")
TOKEN_EXPIRING = {
    "type": "token_expiring",
    "timestamp": "2026-01-02T03:04:05.678Z",
    "expiresAt": "2026-01-02T03:04:35.678Z",
}


def error(code, message, *, to, temporary=False):
    """The error message that answers an action."""
    return {
        "status": "error",
        "code": code,
        "message": message,
        "action": to,
        "temporary": temporary,
    }


async def standing(peer):
    """Subscribe the client, and keep its connection."""
    await peer.subscribed()
    await peer.stay()


async def standing_again(peer):
    """Subscribe a client that has come back and has missed nothing, and keep its connection."""
    await peer.subscribed(recovered=True)
    await peer.stay()


def seqs(items):
    return [item["seq"] for item in items if isinstance(item, dict) and "seq" in item]


def states(items):
    return [item.state for item in items if isinstance(item, ConnectionChange)]
