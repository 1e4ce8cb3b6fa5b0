"""Notices on the wire."""

import pytest

from rtdash.broker.base import Notice
from rtdash.broker.notices import DIGEST_BYTES, WARN_INTERVAL_S, NoticeCodec, derive_key, topic_of
from rtdash.protocol.channels import Channel, Stream

KEY = derive_key("a secret")
CODEC = NoticeCodec(KEY)
NOTICE = Notice(
    Stream("harbour-hotel", Channel.HOTEL_RESERVATIONS), "e1", 7, (b'{"a":"\xc3\xab"}', b"{}")
)


def test_a_notice_comes_back_as_it_was() -> None:
    """With bodies, and without."""
    bare = Notice(NOTICE.stream, "", 1, ())
    assert CODEC.decode(CODEC.encode(NOTICE)) == (NOTICE,)
    assert CODEC.decode(CODEC.encode(bare)) == (bare,)


def test_what_is_no_notice_is_none() -> None:
    """Whatever comes: another program's text, bytes that are no text, a signed header with a
    channel or a number that isn't one.
    """
    codec = NoticeCodec(KEY)
    signed = [
        codec.encode(Notice(Stream(venue, Channel.HOTEL_STATS), epoch, 1, ()))
        for venue, epoch in (("a\tb", "e"), ("v", "e\t2"))
    ]
    foreign = (b"", b"hello", b"\xff\xfe", b"v\tnowhere\te\t1", b"\t" * 40, b"0" * 1_000_000)
    for number, data in enumerate((*foreign, *signed), start=1):
        assert codec.decode(data) == ()
        assert codec.rejected == number


def test_a_notice_that_was_changed_in_any_byte_is_none() -> None:
    """Of the digest, the header and the bodies."""
    data = CODEC.encode(NOTICE)
    for place in range(len(data)):
        if place != DIGEST_BYTES:  # the field separator says nothing
            changed = bytearray(data)
            changed[place] ^= 1
            assert CODEC.decode(bytes(changed)) == (), place
    assert CODEC.decode(data[:-1]) == CODEC.decode(data + b"\n{}") == ()


def test_another_secret_is_another_key() -> None:
    """And the key is not the secret that signs tokens."""
    other = NoticeCodec(derive_key("another secret"))
    assert other.decode(CODEC.encode(NOTICE)) == ()
    assert b"a secret" not in derive_key("a secret")


def test_a_flood_of_foreign_messages_is_a_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """The line says how many, and what to do where it was another process of ours."""
    now = 0.0
    codec = NoticeCodec(KEY, clock_monotonic=lambda: now)
    for _ in range(1_000):
        codec.decode(b"hello")
    now = WARN_INTERVAL_S
    codec.decode(b"hello")
    assert len(caplog.records) == 2
    assert "(1001 so far)" in caplog.text
    assert "RTDASH_SECRET" in caplog.text


def test_a_venue_keeps_to_one_topic_and_the_topics_share_the_venues() -> None:
    """The same topic for all its channels, everywhere."""
    topics = ("a", "b")
    of = {
        name: {topic_of(Notice(Stream(name, channel), "", 1, ()), topics) for channel in Channel}
        for name in map(str, range(50))
    }
    assert {len(used) for used in of.values()} == {1}
    assert set.union(*of.values()) == {"a", "b"}
