"""The relay decides what comes next on each stream, and how a subscriber that was away catches up.
The log is the truth, notices are hints.
"""

from rtdash.relay.log import EventSource
from rtdash.relay.relay import Relay
from rtdash.relay.replays import Replayer, ReplayStart

__all__ = ["EventSource", "Relay", "ReplayStart", "Replayer"]
