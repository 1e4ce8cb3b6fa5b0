"""Venues that a token names and the server doesn't have, in words for its bearer."""

from collections.abc import Mapping

from rtdash.domain.venues import Venue
from rtdash.server.auth.principal import ALL_VENUES, Principal

_SHOWN_CHARS = 40


def absence(
    venues: Mapping[str, Venue], caller: Principal, venue_id: str | None = None
) -> str | None:
    """Return that the server has no `venue_id`, or none of the token's venues, and how to mend it;
    None where that is not what is wrong. Only the token's own venues are named.
    """
    if venue_id is not None:
        own = [venue_id] if caller.may_see(venue_id) else []
    else:
        own = [] if ALL_VENUES in caller.venues else list(caller.venues)
    if not own or any(one in venues for one in own):
        return None
    return (
        f"this server has no venue {own[0][:_SHOWN_CHARS]!r}, which the token is for: import it"
        " (rtdash venues import FILE) and restart, or get a token for one of: rtdash venues"
    )
