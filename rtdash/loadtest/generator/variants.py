"""Variants of clients: some ask for batches, some for compression, some for a part of the
channels, some have a token of fewer rights, so that each feature is under load.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rtdash.loadtest.generator.rights import parse_rights
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
    token: str | None = None
    """Of fewer rights than the others'."""
    asks_twice: bool = False
    """Whether it subscribes again to what it follows, which must change nothing."""
    words: str = "plain"
    """For a finding about the client."""

    @classmethod
    def of(cls, number: int, phase: Phase, limited: Sequence[str] = ()) -> "Variant":
        """Return the variant of user `number`: two of five ask for every channel without extras,
        one of which subscribes twice every other time; where there are `limited` tokens, the other
        asks for what such a token allows.
        """
        channels = phase.channels
        match number % _EVERY:
            case 0 if number // _EVERY % 2:
                return cls(channels, asks_twice=True, words="subscribes twice")
            case 1:
                return cls(channels, batch_ms=BATCH_MS, words="batches")
            case 2:
                return cls(channels, compress=True, words="compression")
            case 3 if len(channels) > 1:
                # Alternately every second channel, so that each channel has clients without it.
                return cls(channels[number // _EVERY % 2 :: 2], words="some channels")
            case 4 if limited:
                token = limited[number // _EVERY % len(limited)]
                rights = parse_rights(token)
                allowed = tuple(one for one in channels if rights and one.kind in rights.reads)
                if allowed:
                    return cls(allowed, token=token, words="fewer rights")
        return cls(channels)
