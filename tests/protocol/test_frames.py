"""Frames: what a client of another make reads from them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from rtdash.protocol.encoded_batch import EncodedBatch
from rtdash.protocol.frames import (
    BATCH_LIMIT_BYTES,
    WINDOW_BITS,
    batch_bodies,
    deflate_frames,
    join_frames,
    text_frame,
)
from tests.fakes import BOOKINGS

EVENT = json.dumps(
    {
        "type": "new_reservation",
        "reservation": {"customerName": "John Smith", "status": "Confirmed"},
        "seq": 10,
    }
).encode()


class Reader:
    """A client's end: websockets' own parser, with the extension as it stands after our answer. Its
    window lives as long as it.
    """

    def __init__(self) -> None:
        self._extension = PerMessageDeflate(
            remote_no_context_takeover=False,
            local_no_context_takeover=True,
            remote_max_window_bits=WINDOW_BITS,
            local_max_window_bits=15,
        )

    def read(self, data: bytes) -> list[bytes]:
        """The messages in a run of frames."""
        stream = StreamReader()
        stream.feed_data(data)
        stream.feed_eof()
        messages = []
        while not self._is_at_end(stream):
            parser = Frame.parse(stream.read_exact, mask=False, extensions=[self._extension])
            with pytest.raises(StopIteration) as done:
                next(parser)
            frame = done.value.value
            assert frame.opcode is Opcode.TEXT
            assert frame.fin
            messages.append(bytes(frame.data))
        return messages

    @staticmethod
    def _is_at_end(stream: StreamReader) -> bool:
        with pytest.raises(StopIteration) as done:
            next(stream.at_eof())
        return bool(done.value.value)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_lengths_are_written_in_their_shortest_form(size: int) -> None:
    """Each of the three length forms of RFC 6455 section 5.2, at both of its ends."""
    frame = text_frame(b"x" * size)
    assert Reader().read(frame) == [b"x" * size]
    assert len(frame) - size == (2 if size < 126 else 4 if size < 65_536 else 10)


@given(
    st.lists(st.lists(st.binary(max_size=300), min_size=1, max_size=8), max_size=6),
    st.sampled_from([0, 100, 10_000]),
)
def test_deflated_flushes_are_read_by_one_client_in_a_row(
    flushes: list[list[bytes]], min_bytes: int
) -> None:
    """A client that keeps its window reads flush after flush, deflated and plain in turn, each
    message as a frame of its own.
    """
    reader = Reader()
    for bodies in flushes:
        assert reader.read(deflate_frames(bodies, min_bytes)) == bodies


def test_a_client_may_begin_with_any_flush() -> None:
    """No flush refers to an earlier one: a client that joins later needs nothing from before."""
    deflate_frames([EVENT] * 3, 0)
    assert Reader().read(deflate_frames([EVENT] * 2, 0)) == [EVENT] * 2


def test_messages_of_a_flush_refer_to_each_other() -> None:
    """Repetition is what makes bursts small: repeats of an event cost a few bytes each."""
    assert len(deflate_frames([EVENT] * 20, 0)) < len(EVENT) + 20 * 20


def test_a_short_message_alone_stays_plain() -> None:
    """Below the limit nothing is gained; together several pass it."""
    assert deflate_frames([EVENT], len(EVENT) + 1) == text_frame(EVENT)
    assert deflate_frames([EVENT, EVENT], len(EVENT) + 1) != join_frames([EVENT, EVENT])


def batches(bodies: Sequence[bytes], limit: int) -> list[bytes]:
    return [
        json.dumps(message).encode()
        for body in batch_bodies(bodies, limit)
        for message in json.loads(body).get("messages", [json.loads(body)])
    ]


@given(
    st.lists(
        st.integers(0, 400).map(lambda size: json.dumps({"x": "y" * size}).encode()), max_size=40
    ),
    st.integers(100, 1_000),
)
def test_batches_hold_everything_in_order_and_keep_to_the_limit(
    bodies: list[bytes], limit: int
) -> None:
    """What doesn't fit in a batch even alone goes as it is."""
    assert batches(bodies, limit) == bodies
    assert all(len(batch) <= limit or batch in bodies for batch in batch_bodies(bodies, limit))


def test_a_batch_is_filled_before_another_begins() -> None:
    """64 KiB by default, and as few frames as that allows."""
    made = batch_bodies([b'"%s"' % (b"x" * 998)] * 130)
    assert len(made) == 2
    assert BATCH_LIMIT_BYTES - 1_001 < len(made[0]) <= BATCH_LIMIT_BYTES


def test_a_batch_carries_its_instant() -> None:
    """As every message of the server does, when it is given."""
    (batch,) = batch_bodies([b"{}"], timestamp=datetime(2026, 7, 24, 14, 32, 10, tzinfo=UTC))
    assert batch == b'{"type":"batch","timestamp":"2026-07-24T14:32:10.000Z","messages":[{}]}'


def test_a_batch_makes_its_frames_once() -> None:
    """Asked again it gives the same bytes, so that all clients that get it share them."""
    batch = EncodedBatch(BOOKINGS, 4, (EVENT, EVENT), compress_min_bytes=0)
    assert batch.frames is batch.frames
    assert batch.deflated is batch.deflated
    assert Reader().read(batch.frames) == Reader().read(batch.deflated) == [EVENT, EVENT]
    assert (batch.last_seq, batch.size) == (5, 2 * len(EVENT))


def test_the_rest_of_a_batch_begins_where_asked() -> None:
    """A client that has the first event gets the second alone; a client that has none gets the
    whole batch itself.
    """
    batch = EncodedBatch(BOOKINGS, 4, (b"four", b"five"))
    assert batch.after(3) is batch
    assert (batch.after(4).first_seq, batch.after(4).bodies) == (5, (b"five",))
