"""Encoded batches: messages of one stream that go out together, made ready for the wire once and
shared by all subscribers.
"""

from rtdash.protocol.channels import Stream
from rtdash.protocol.frames import deflate_frames, join_frames


class EncodedBatch:
    """Events `first_seq` to `last_seq` of a stream, or state messages (both are 0 then). `size`:
    bytes of the messages, unframed.

    `framed` and `packed` are `frames` and `deflated` once they were asked for: slots, which the
    interpreter reads at once where a property costs a call, and a flush asks a thousand times.
    """

    __slots__ = (
        "bodies",
        "compress_min_bytes",
        "first_seq",
        "framed",
        "last_seq",
        "packed",
        "size",
        "stream",
    )

    def __init__(
        self,
        stream: Stream,
        first_seq: int,
        bodies: tuple[bytes, ...],
        compress_min_bytes: int = 512,
    ) -> None:
        self.stream = stream
        self.first_seq = first_seq
        self.last_seq = first_seq and first_seq + len(bodies) - 1
        self.bodies = bodies
        self.size = len(bodies[0]) if len(bodies) == 1 else sum(map(len, bodies))
        self.compress_min_bytes = compress_min_bytes
        self.framed = b""
        self.packed = b""

    @property
    def frames(self) -> bytes:
        """One plain text frame a message."""
        self.framed = self.framed or join_frames(self.bodies)
        return self.framed

    @property
    def deflated(self) -> bytes:
        """The frames for connections that agreed on permessage-deflate (see `deflate_frames`)."""
        self.packed = self.packed or deflate_frames(self.bodies, self.compress_min_bytes)
        return self.packed

    def forget_frames(self) -> None:
        """Forget the frames; they are made anew if asked for once more."""
        self.framed = self.packed = b""

    def after(self, seq: int) -> "EncodedBatch":
        """Return the events behind `seq`; the batch itself when those are all of it."""
        if seq < self.first_seq:
            return self
        return EncodedBatch(
            self.stream, seq + 1, self.bodies[seq + 1 - self.first_seq :], self.compress_min_bytes
        )
