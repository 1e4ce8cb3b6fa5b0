"""The relay decides what comes next on each stream, and how a subscriber that was away catches up.
The log is the truth, notices are hints.
"""

from rtdash.relay.log import Log
from rtdash.relay.relay import Relay
from rtdash.relay.replays import Replayer, Start

__all__ = ["Log", "Relay", "Replayer", "Start"]
