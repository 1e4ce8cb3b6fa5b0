"""What is kept of the events that went out lately: bounded for a stream, over all streams, and for
clients that share runs.
"""

from weakref import ref

import pytest

from rtdash.hub import EncodedBatch
from rtdash.hub.replay_cache import BATCH_OVERHEAD_BYTES, ReplayCache
from rtdash.protocol.channels import Channel, Stream

BODY = b"12345"
COST_BYTES = len(BODY) + BATCH_OVERHEAD_BYTES


def _stream(number: int) -> Stream:
    return Stream(f"venue-{number}", Channel.HOTEL_RESERVATIONS)


def _keep(recent: ReplayCache, stream: Stream, first: int, last: int) -> list[EncodedBatch]:
    """Events of a stream, each of them a batch of its own."""
    batches = [EncodedBatch(stream, seq, (BODY,)) for seq in range(first, last + 1)]
    for batch in batches:
        recent.keep(batch)
    return batches


def test_all_streams_together_stay_within_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """What few streams took while they were alone is given up when many more come, and the quietest
    are forgotten first.
    """
    monkeypatch.setattr("rtdash.hub.replay_cache.TOTAL_BYTES", 20 * COST_BYTES)
    recent = ReplayCache()
    for number in range(20):
        _keep(recent, _stream(number), 1, 10)
        assert recent.size_bytes <= 20 * COST_BYTES
    assert recent.after(_stream(0), 9) is None
    assert recent.after(_stream(19), 9) is not None


def test_a_stream_that_is_still_alive_is_not_the_first_to_be_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cache goes by when the last event went out, not by which stream came first."""
    monkeypatch.setattr("rtdash.hub.replay_cache.TOTAL_BYTES", 4 * COST_BYTES)
    recent = ReplayCache()
    _keep(recent, _stream(0), 1, 2)
    _keep(recent, _stream(1), 1, 2)
    _keep(recent, _stream(0), 3, 3)
    _keep(recent, _stream(2), 1, 1)
    assert [
        recent.after(_stream(number), last - 1) is not None
        for number, last in ((0, 3), (1, 2), (2, 1))
    ] == [True, False, True]


def test_what_was_forgotten_counts_no_more() -> None:
    """A stream that is followed no longer leaves its room to the others."""
    recent = ReplayCache()
    _keep(recent, _stream(0), 1, 3)
    _keep(recent, _stream(1), 1, 2)
    recent.evict(_stream(0))
    recent.evict(_stream(0))
    assert recent.size_bytes == 2 * COST_BYTES
    assert recent.after(_stream(0), 0) is None


def test_runs_hold_nothing_of_what_was_forgotten() -> None:
    """A run outlives its stream, and may be small: with all that the stream had kept it would be a
    thousand times as large.
    """

    class Watched(EncodedBatch):
        __slots__ = ("__weakref__",)

    recent, older = ReplayCache(), Watched(_stream(0), 1, (BODY,))
    recent.keep(older)
    _keep(recent, _stream(0), 2, 2)
    assert recent.after(_stream(0), 1) is not None
    recent.evict(_stream(0))
    gone = ref(older)
    del older
    assert gone() is None


def test_only_the_newest_batch_keeps_its_frames() -> None:
    """Frames are as large as the events: kept with each batch they would double what is held."""
    older, newest = _keep(ReplayCache(), _stream(0), 1, 1), EncodedBatch(_stream(0), 2, (BODY,))
    recent = ReplayCache()
    for batch in (*older, newest):
        assert batch.frames
        recent.keep(batch)
    assert not older[0].framed
    assert newest.framed


def test_runs_are_shared_until_the_next_flush() -> None:
    """Clients that come for the same events get the same bytes; after the next flush the run is a
    longer one.
    """
    recent = ReplayCache()
    _keep(recent, _stream(0), 1, 3)
    run = recent.after(_stream(0), 0)
    assert run is recent.after(_stream(0), 0)
    _keep(recent, _stream(0), 4, 4)
    longer = recent.after(_stream(0), 0)
    assert longer is not None
    assert (longer.first_seq, longer.last_seq) == (1, 4)


def test_runs_of_a_stream_that_began_anew_are_not_mixed_up() -> None:
    """In another log the same numbers are other events."""
    recent = ReplayCache()
    _keep(recent, _stream(0), 1, 3)
    before = recent.after(_stream(0), 0)
    recent.evict(_stream(0))
    _keep(recent, _stream(0), 1, 3)
    assert recent.after(_stream(0), 0) is not before


def test_runs_are_bounded_over_all_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest go first, whichever stream they are of; asked for again they are made again."""
    monkeypatch.setattr(
        "rtdash.hub.replay_cache.RUNS_TOTAL_BYTES", 2 * (2 * len(BODY) + BATCH_OVERHEAD_BYTES)
    )
    recent = ReplayCache()
    for number in range(3):
        _keep(recent, _stream(number), 1, 2)
    first, *others = [recent.after(_stream(number), 0) for number in range(3)]
    assert all(
        recent.after(_stream(number), 0) is run for number, run in enumerate(others, start=1)
    )
    again = recent.after(_stream(0), 0)
    assert again is not None
    assert again is not first
    assert again.bodies == (BODY, BODY)
