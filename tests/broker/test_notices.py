"""Notices on the wire."""

from rtdash.broker.base import Notice
from rtdash.broker.notices import decode_notices, encode_notice, topic_of
from rtdash.protocol.channels import Channel, Stream

NOTICE = Notice(
    Stream("harbour-hotel", Channel.HOTEL_RESERVATIONS), "e1", 7, (b'{"a":"\xc3\xab"}', b"{}")
)


def test_a_notice_comes_back_as_it_was() -> None:
    """With bodies, and without."""
    bare = Notice(NOTICE.stream, "", 1, ())
    assert decode_notices(encode_notice(NOTICE)) == (NOTICE,)
    assert decode_notices(encode_notice(bare)) == (bare,)


def test_what_is_no_notice_is_none() -> None:
    """Whatever comes: another program's text, bytes that are no text, a channel or a number that
    isn't one.
    """
    for data in (
        b"",
        b"hello",
        b"\xff\xfe",
        b"v\tnowhere\te\t1",
        b"v\thotel_stats\te\tone",
        b"v\thotel_stats\te\t1\t2",
    ):
        assert decode_notices(data) == ()


def test_a_venue_keeps_to_one_topic_and_the_topics_share_the_venues() -> None:
    """The same topic for all its channels, everywhere."""
    topics = ("a", "b")
    of = {
        name: {topic_of(Notice(Stream(name, channel), "", 1, ()), topics) for channel in Channel}
        for name in map(str, range(50))
    }
    assert {len(used) for used in of.values()} == {1}
    assert set.union(*of.values()) == {"a", "b"}
