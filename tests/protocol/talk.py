"""A client session in talk with a server: what the server says, what the session makes of it and
asks for.
"""

import json

from rtdash.protocol.channels import Channel, Stream
from rtdash.protocol.client_session import ClientSession

BOOKINGS = Stream("harbour-hotel", Channel.HOTEL_RESERVATIONS)
NOTES = Stream("harbour-hotel", Channel.HOTEL_NOTIFICATIONS)
FIGURES = Stream("harbour-hotel", Channel.HOTEL_STATS)
GRILL = Stream("harbour-grill", Channel.RESTAURANT_RESERVATIONS)


def event(seq, stream=BOOKINGS, timestamp="2026-01-02T03:04:05.000Z"):
    return {
        "type": "new_reservation",
        "timestamp": timestamp,
        "reservation": {},
        "channel": stream.channel,
        "venue": stream.venue,
        "seq": seq,
    }


def answer(*streams, seq=0, status="subscribed", recovered=None, epoch="e"):
    events = [stream for stream in streams if not stream.channel.is_state]
    return {
        "status": status,
        "channels": [stream.channel for stream in streams],
        "venues": {stream.channel: stream.venue for stream in streams},
        "session": "s",
        "positions": {stream.channel: {"epoch": epoch, "seq": seq} for stream in events},
        "recovered": {} if recovered is None else {stream.channel: recovered for stream in events},
    }


def hear(session, *bodies):
    return [received for body in bodies for received in session.receive(json.dumps(body))]


def say(session):
    """Return the client's requests but for pings."""
    return [
        request for request in map(json.loads, session.outgoing()) if request["action"] != "ping"
    ]


def subscribed(*streams, seq=0):
    session = ClientSession(streams)
    session.connected()
    session.outgoing()
    hear(session, answer(*streams, seq=seq))
    return session
