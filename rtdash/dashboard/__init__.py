"""The figures of each venue: computed when something changed or time moved on, published as state
messages, asked for by REST.
"""

from rtdash.dashboard.live import Dashboard
from rtdash.dashboard.snapshots import Snapshot

__all__ = ["Dashboard", "Snapshot"]
