"""Notices as bytes: one header line that names the stream, then one body a line, so that a reader
may stop at the header.
"""

import logging
from zlib import crc32

from rtdash.broker.base import Notice
from rtdash.protocol.channels import Channel, Stream

_FIELD = b"\t"
_LINE = b"\n"

_log = logging.getLogger(__name__)


def encode_notice(notice: Notice) -> bytes:
    """Header `venue TAB channel TAB epoch TAB first_seq`, then the bodies, a line each (compact
    JSON has no line breaks).
    """
    header = _FIELD.join(
        (
            notice.stream.venue.encode(),
            notice.stream.channel.encode(),
            notice.epoch.encode(),
            str(notice.first_seq).encode(),
        )
    )
    return _LINE.join((header, *notice.bodies))


def decode_notices(data: bytes) -> tuple[Notice, ...]:
    """The notice; none where something that isn't ours came by the broker: whoever can write there
    must not stop us.
    """
    header, *bodies = data.split(_LINE)
    try:
        venue, channel, epoch, first_seq = header.decode().split("\t")
        return (Notice(Stream(venue, Channel(channel)), epoch, int(first_seq), tuple(bodies)),)
    except ValueError:
        _log.warning("something that is no notice came by the broker: %r", header[:80])
        return ()


def topic_of(notice: Notice, topics: tuple[str, ...]) -> str:
    """The topic that carries a venue's notices, the same one in every process."""
    return topics[crc32(notice.stream.venue.encode()) % len(topics)]
