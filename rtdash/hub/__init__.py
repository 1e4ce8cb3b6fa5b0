"""The hub: fan-out inside one process, synchronous throughout."""

from rtdash.hub.fanout import Subscriber, Subscription
from rtdash.hub.hub import Hub
from rtdash.protocol.encoded_batch import EncodedBatch

__all__ = ["EncodedBatch", "Hub", "Subscriber", "Subscription"]
