"""Notices as bytes, signed: a digest, one header line that names the stream, one body a line.

A broker is a place where other programs may write. A notice is believed only if its digest was made
with the key that the processes of one rtdash share, so that no other program can put an event on a
stream or move its head.
"""

import hmac
import logging
import time
from collections.abc import Callable
from hashlib import sha256
from zlib import crc32

from rtdash.broker.base import Notice
from rtdash.protocol.channels import CHANNELS, Stream

DIGEST_BYTES = 32
"""HMAC-SHA256 cut to 128 bits (RFC 2104 section 5), in hexadecimal digits."""

WARN_INTERVAL_S = 60.0
"""A flood of foreign messages costs a line of the log so often."""

_FIELD = b"\t"
_LINE = b"\n"
_PURPOSE = b"rtdash broker notices 1"

_log = logging.getLogger(__name__)


def derive_key(secret: str) -> bytes:
    """Return the key of notices for the processes that share `secret`.

    The secret signs tokens, too. A key derived from it for this purpose alone proves nothing there
    (RFC 5869: one key for one use).
    """
    return hmac.digest(secret.encode(), _PURPOSE, sha256)


class NoticeCodec:
    """Encoder and decoder of signed notices. `rejected` counts messages that were not ours."""

    def __init__(
        self, key: bytes, *, clock_monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.rejected = 0
        self._key = key
        self._clock = clock_monotonic
        self._warned_at = float("-inf")

    def encode(self, notice: Notice) -> bytes:
        """Return `digest TAB venue TAB channel TAB epoch TAB first_seq`, then a line a body.

        Bodies are compact JSON and have no line breaks.
        """
        header = _FIELD.join(
            (
                notice.stream.venue.encode(),
                notice.stream.channel.encode(),
                notice.epoch.encode(),
                str(notice.first_seq).encode(),
            )
        )
        signed = _LINE.join((header, *notice.bodies))
        return self._digest(signed) + _FIELD + signed

    def decode(self, data: bytes) -> tuple[Notice, ...]:
        """Return the notice, or nothing for a message that another program wrote.

        The digest is compared before anything is parsed. Never raises.
        """
        digest, signed = data[:DIGEST_BYTES], data[DIGEST_BYTES + 1 :]
        if hmac.compare_digest(digest, self._digest(signed)):
            header, *bodies = signed.split(_LINE)
            try:
                venue, channel, epoch, first_seq = header.decode().split("\t")
                if channel not in CHANNELS:  # a newer version of rtdash works here as well
                    return ()
                stream = Stream(venue, CHANNELS[channel])
                return (Notice(stream, epoch, int(first_seq), (*bodies,)),)
            except ValueError:
                pass
        self._reject()
        return ()

    def _digest(self, signed: bytes) -> bytes:
        return hmac.digest(self._key, signed, sha256).hex()[:DIGEST_BYTES].encode()

    def _reject(self) -> None:
        self.rejected += 1
        now = self._clock()
        if now - self._warned_at >= WARN_INTERVAL_S:
            self._warned_at = now
            _log.warning(
                "a message on the broker was dropped: it is not signed as this store's processes"
                " sign (%d so far). If another process of it was the sender, give all of them the"
                " same RTDASH_SECRET, or none",
                self.rejected,
            )


def topic_of(notice: Notice, topics: tuple[str, ...]) -> str:
    """Return the topic that carries a venue's notices, the same one in every process."""
    return topics[crc32(notice.stream.venue.encode()) % len(topics)]
