"""The hub: fan-out inside one process, synchronous throughout."""

from rtdash.hub.feed import Subscriber, Subscription
from rtdash.hub.hub import Hub
from rtdash.protocol.parcel import Parcel

__all__ = ["Hub", "Parcel", "Subscriber", "Subscription"]
