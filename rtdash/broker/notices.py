"""Notices as bytes: one header line that names the stream, then one body a line, so that a reader may stop at the header."""

from zlib import crc32

from rtdash.broker.base import Notice
from rtdash.protocol.channels import Channel, Stream

_FIELD = b"\t"
_LINE = b"\n"


class NoticeUnreadable(ValueError):  # noqa: N818 - something that isn't ours came by the broker
    """Bytes that are no notice of this version."""


def encode_notice(notice: Notice) -> bytes:
    """Header `venue TAB channel TAB epoch TAB first_seq`, then the bodies, a line each (compact JSON has no line breaks)."""
    header = _FIELD.join(
        (notice.stream.venue.encode(), notice.stream.channel.encode(), notice.epoch.encode(), str(notice.first_seq).encode())
    )
    return _LINE.join((header, *notice.bodies))


def decode_notice(data: bytes) -> Notice:
    """The notice; raises NoticeUnreadable."""
    header, *bodies = data.split(_LINE)
    try:
        venue, channel, epoch, first_seq = header.decode().split("\t")
        return Notice(Stream(venue, Channel(channel)), epoch, int(first_seq), tuple(bodies))
    except ValueError as error:
        raise NoticeUnreadable(f"not a notice: {header[:80]!r}") from error


def topic_of(notice: Notice, topics: tuple[str, ...]) -> str:
    """The topic that carries a venue's notices, the same one in every process."""
    return topics[crc32(notice.stream.venue.encode()) % len(topics)]
