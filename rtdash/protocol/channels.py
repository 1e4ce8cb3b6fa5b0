"""Channels: their names, what they carry, and the rights that they need."""

from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from rtdash.domain.venues import VenueKind


class Channel(StrEnum):
    """The channels of the requirements."""

    HOTEL_STATS = "hotel_stats"
    HOTEL_RESERVATIONS = "hotel_reservations"
    HOTEL_NOTIFICATIONS = "hotel_notifications"
    RESTAURANT_STATS = "restaurant_stats"
    RESTAURANT_RESERVATIONS = "restaurant_reservations"
    RESTAURANT_NOTIFICATIONS = "restaurant_notifications"

    @cached_property
    def kind(self) -> VenueKind:
        """The kind of venue that it belongs to."""
        return VenueKind(self.partition("_")[0])

    @cached_property
    def is_state(self) -> bool:
        """Whether it carries state messages (latest wins) and not events of the log."""
        return self.endswith("_stats")

    @cached_property
    def read_scope(self) -> str:
        """The scope that a token needs to follow it."""
        return f"{self.kind}:read"


class Stream(NamedTuple):
    """A channel of one venue."""

    venue: str
    channel: Channel


class Position(NamedTuple):
    """Just behind event `seq` of a stream, in the log that `epoch` names; 0 is before the first
    event.
    """

    epoch: str
    seq: int


def reservations_channel(kind: VenueKind) -> Channel:
    """Return the channel with the reservation events of such a venue."""
    return _RESERVATIONS[kind]


def notifications_channel(kind: VenueKind) -> Channel:
    """Return the channel with the notifications of such a venue."""
    return _NOTIFICATIONS[kind]


def stats_channel(kind: VenueKind) -> Channel:
    """Return the channel with the state messages of such a venue."""
    return _STATS[kind]


CHANNELS = {channel.value: channel for channel in Channel}
"""Channels by name. A store may hold rows of others, of a newer version of rtdash that works on it
as well: they are passed over."""

_RESERVATIONS = {kind: Channel(f"{kind}_reservations") for kind in VenueKind}
_NOTIFICATIONS = {kind: Channel(f"{kind}_notifications") for kind in VenueKind}
_STATS = {kind: Channel(f"{kind}_stats") for kind in VenueKind}
