"""The one write path: operations wait, form batches, are decided purely, and leave as outcomes once
their transaction is on disk.
"""

from rtdash.bookings.outcomes import Outcome, OutcomeKind
from rtdash.bookings.queue import Bookings, OnCommitted

__all__ = ["Bookings", "OnCommitted", "Outcome", "OutcomeKind"]
