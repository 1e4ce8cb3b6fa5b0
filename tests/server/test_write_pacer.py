"""The pace at which sessions are stored."""

from rtdash.server.ws.write_pacer import AT_ONCE, PACE_S, WritePacer

NOW_S = 1_000.0


def passed(pacer: WritePacer, now: float) -> int:
    """How many of a hundred that come at `now` pass."""
    return sum(pacer.passes(now) for _ in range(100))


def test_few_pass_at_once() -> None:
    """A quiet day's dashboards, or one that asks several times; and as many again a moment
    later.
    """
    pacer = WritePacer()
    assert passed(pacer, NOW_S) == AT_ONCE
    assert passed(pacer, NOW_S + PACE_S * 0.9) == 0
    assert pacer.opens_at == NOW_S + PACE_S
    assert passed(pacer, NOW_S + PACE_S) == AT_ONCE


def test_a_group_holds_up_what_comes_behind_it() -> None:
    """The storm goes on: late writes share the next transaction. A group that was empty in the end
    holds up nothing.
    """
    pacer = WritePacer()
    pacer.note_group(NOW_S, 100)
    assert passed(pacer, NOW_S + PACE_S * 0.9) == 0
    assert passed(pacer, NOW_S + PACE_S) == AT_ONCE
    pacer.note_group(NOW_S + PACE_S, 0)
    assert passed(pacer, NOW_S + PACE_S) == AT_ONCE
