"""Variants of clients: some ask for batches, some for compression, some for a part of the
channels, so that each feature is under load.
"""

from dataclasses import dataclass

from rtdash.loadtest.plan.scenario import Phase
from rtdash.protocol.channels import Channel

BATCH_MS = 20
"""Window of the clients that ask for batches: small beside what fairness allows."""
_EVERY = 5


@dataclass(frozen=True, slots=True)
class Variant:
    """Request of one client."""

    channels: tuple[Channel, ...]
    batch_ms: int | None = None
    compress: bool = False

    @classmethod
    def of(cls, number: int, phase: Phase) -> "Variant":
        """Return the variant of user `number`: two of five ask for every channel without extras."""
        channels = phase.channels
        match number % _EVERY:
            case 1:
                return cls(channels, batch_ms=BATCH_MS)
            case 2:
                return cls(channels, compress=True)
            case 3 if len(channels) > 1:
                # Alternately every second channel, so that each channel has clients without it.
                return cls(channels[number // _EVERY % 2 :: 2])
        return cls(channels)
