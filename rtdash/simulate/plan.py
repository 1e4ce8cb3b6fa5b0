"""Entry points: the past of a venue, and its live traffic.

Everything depends on seed, venue, start and options alone, to the byte (within one version of
Faker, from which the names come).
"""

from rtdash.simulate.live_traffic import generate_live
from rtdash.simulate.past import Past, generate_past
from rtdash.simulate.script import TimedOperation

__all__ = ["Past", "TimedOperation", "generate_live", "generate_past"]
