"""The ledger: what one account finds, and what it finds against the log."""

import json

from hypothesis import given
from hypothesis import strategies as st

from rtdash.loadtest.generator.account import Acknowledged, StreamAccount
from rtdash.loadtest.generator.message_reader import Content
from rtdash.loadtest.verdict.ledger import (
    Findings,
    StreamLog,
    judge_acknowledged,
    judge_clients,
    judge_contents,
)
from rtdash.protocol.channels import Channel, Stream

STREAM = Stream("grill", Channel.RESTAURANT_RESERVATIONS)


def received(*seqs: int, start: int = 0) -> StreamAccount:
    account = StreamAccount.opened(start)
    for seq in seqs:
        account.record(seq)
    return account


def judged(account: StreamAccount, head: int) -> Findings:
    return judge_clients(
        [("client 1", {STREAM: account})], {STREAM: StreamLog(account.start, head, {})}
    )


def test_everything_in_order_is_nothing_found():
    """From the position that the server gave first."""
    assert not judged(received(8, 9, 10, start=7), 10).total


def test_a_hole_is_lost_and_named():
    """The client, the channel and the seqs stand in the finding."""
    findings = judged(received(1, 2, 5), 6)
    assert findings.total == {"lost": 3}
    assert (
        findings.by_client["lost", "client 1"] == findings.by_channel["lost", STREAM.channel] == 3
    )
    assert "client 1, restaurant_reservations of grill: seq 3-4, 6" in findings.examples[0]


def test_a_repeat_is_duplicated():
    """And not lost."""
    assert judged(received(1, 2, 2, 3), 3).total == {"duplicated": 1}


def test_two_that_changed_places_are_one_reordered():
    """And neither lost nor duplicated."""
    assert judged(received(1, 3, 2, 4), 4).total == {"reordered": 1}


def test_a_reset_is_told_and_not_lost():
    """Events that an explicit reset skips are no loss, but the reset itself counts."""
    account = received(1, 2)
    account.reset(9)
    account.record(10)
    findings = judged(account, 10)
    assert findings.total == {"resets": 1}
    assert account.given_up == 7


@given(st.permutations(list(range(1, 9))), st.sets(st.integers(1, 8)))
def test_whatever_comes_each_event_is_lost_or_not(order: list[int], gone: set[int]):
    """Any order with any of them missing: lost are exactly those."""
    account = received(*(seq for seq in order if seq not in gone))
    assert set(account.lost(8)) == gone
    assert account.duplicated == 0


def test_an_account_survives_its_trip_through_json():
    """Nothing is forgotten between the processes."""
    account = received(1, 4, 4, 3)
    account.recovered = 2
    assert StreamAccount.from_json(json.loads(json.dumps(account.to_json()))) == account


def test_what_is_not_in_the_log_is_unexpected_and_what_differs_is_invalid():
    """Contents are compared by their digests; what came before the log's start isn't looked at."""
    findings = Findings()
    judge_contents(
        findings,
        [
            {
                STREAM: {
                    seq: Content(text, None)
                    for seq, text in {3: "x", 5: "a", 6: "b", 9: "c"}.items()
                }
            }
        ],
        {STREAM: StreamLog(4, 6, {5: (None, "a"), 6: (None, "other")})},
        "run",
    )
    assert findings.total == {"invalid": 1, "unexpected": 1}
    where = f"{STREAM.channel} of {STREAM.venue} seq"
    assert findings.examples == [
        f"invalid: {where} 6 was received with another content than logged",
        f"unexpected: {where} 9 was received and is not in the log",
    ]


def test_an_acknowledged_operation_must_be_logged_where_it_was_told():
    """Missing, or with another operation's event at its seq: lost."""
    log = {STREAM: StreamLog(0, 2, {1: ("op-1", ""), 2: ("op-9", "")})}
    findings = Findings()
    judge_acknowledged(findings, [Acknowledged(f"op-{seq}", STREAM, seq) for seq in (1, 2, 3)], log)
    assert findings.total == {"acknowledged_lost": 2}
    assert all(one.startswith("acknowledged_lost: operation op-") for one in findings.examples)


def test_a_head_far_off_is_counted_and_not_listed():
    """A number of another world costs nothing to compare with."""
    findings = judged(received(1, 2), 2**53)
    assert findings.total == {"lost": 2**53 - 2}
    assert "seq 3-10002 of 1 to" in findings.examples[0]
