"""Streams that a token's bearer means and may follow (guide: tokens, "Claims"): one model, for
subscribe and for resume.
"""

from collections.abc import Iterable, Mapping

from rtdash.domain.venues import Venue, VenueKind
from rtdash.protocol.actions import ActionRefused
from rtdash.protocol.channels import Channel, Stream
from rtdash.protocol.codes import ErrorCode
from rtdash.server.auth.absent_venues import absence
from rtdash.server.auth.tokens import ALL_VENUES, Principal, own_venues


def resolve(
    principal: Principal,
    venues: Mapping[str, Venue],
    channels: Iterable[Channel],
    venue_id: str | None,
) -> dict[Channel, Stream]:
    """The stream of each channel: of `venue_id` for the channels of its kind, else of the token's
    first venue of the channel's kind.

    Raises ActionRefused (`forbidden`), naming every channel that is not allowed; then none is.
    """
    asked = list(dict.fromkeys(channels))
    if venue_id is not None and not (venue_id in venues and principal.may_see(venue_id)):
        message = absence(venues, principal, venue_id) or (
            f"the token is not for a venue {venue_id[:40]!r}: GET /api/user/profile lists its"
            " venues"
        )
        raise ActionRefused(ErrorCode.FORBIDDEN, message, channels=tuple(asked))
    streams = {channel: _stream(principal, venues, channel, venue_id) for channel in asked}
    refused = [channel for channel, stream in streams.items() if stream is None]
    if refused:
        channel = refused[0]
        lacking = (
            f"the scope {channel.read_scope}"
            if not principal.allows(channel.read_scope)
            else f"a {channel.kind}"
        )
        message = f"the token lacks {lacking}, which {channel} needs: ask for another token"
        raise ActionRefused(
            ErrorCode.FORBIDDEN,
            absence(venues, principal) or message,
            channels=tuple(refused),
        )
    return {channel: stream for channel, stream in streams.items() if stream is not None}


def may_follow(principal: Principal, stream: Stream) -> bool:
    """Whether the token allows the stream."""
    return principal.allows(stream.channel.read_scope) and principal.may_see(stream.venue)


def may_follow_anything(principal: Principal, venues: Mapping[str, Venue]) -> bool:
    """Whether there is a stream at all that the token allows."""
    return any(principal.allows(f"{venue.kind}:read") for venue in own_venues(venues, principal))


def _stream(
    principal: Principal, venues: Mapping[str, Venue], channel: Channel, venue_id: str | None
) -> Stream | None:
    if not principal.allows(channel.read_scope):
        return None
    if venue_id is not None and venues[venue_id].kind is channel.kind:
        return Stream(venue_id, channel)
    first = _first_venue(principal, venues, channel.kind)
    return None if first is None else Stream(first, channel)


def _first_venue(principal: Principal, venues: Mapping[str, Venue], kind: VenueKind) -> str | None:
    """The token's first venue of that kind. As `own_venues` has it, without its care that each
    comes once: every subscribe of a storm asks.
    """
    for own in principal.venues:
        for venue_id in venues if own == ALL_VENUES else (own,):
            venue = venues.get(venue_id)
            if venue is not None and venue.kind is kind:
                return venue_id
    return None
