"""Starts as a guest says them: an hour on the venue's wall, with the zone, as text of RFC 9557
(`2027-12-07T19:00:00.000+00:00[Europe/Lisbon]`).

The offset is that of the rules at the time of writing. It distinguishes the two passes of an hour
that a clock set back shows twice, and which instant the text stood for.
"""

from datetime import UTC, datetime

from rtdash.domain.venues import Venue


def local_start(venue: Venue, start: datetime) -> str:
    """Return the local time of `start` (UTC) by the present rules of the venue's zone."""
    return _text(start.astimezone(venue.zone), venue)


def by_present_rules(venue: Venue, local: str) -> tuple[datetime, str]:
    """Return the instant (UTC) at which the venue's clock shows the time of `local` by the present
    rules, and the text that stands for it.

    A time that the clock shows twice is the pass with the offset of before, else the first. A time
    that it skips is read with the offset before the skip (PEP 495), and keeps its hour in the text.
    """
    written = datetime.fromisoformat(local.partition("[")[0])
    passes = [written.replace(tzinfo=venue.zone, fold=fold) for fold in (0, 1)]
    same = (one for one in passes if one.utcoffset() == written.utcoffset())
    shown = next(same, passes[0])
    return shown.astimezone(UTC), _text(shown, venue)


def _text(shown: datetime, venue: Venue) -> str:
    return f"{shown.isoformat('T', 'milliseconds')}[{venue.timezone}]"
