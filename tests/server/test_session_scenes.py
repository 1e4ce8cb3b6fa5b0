"""What schedules of sessions have once found, each as a scene of its own."""

from collections.abc import Iterator

import pytest

from tests.fakes import BOOKINGS, NOTES, STATS
from tests.server.session_schedules import TABLES, SessionSchedules


@pytest.fixture
def schedule() -> Iterator[SessionSchedules]:
    """A schedule by hand; it settles behind the test."""
    machine = SessionSchedules()
    yield machine
    machine.teardown()


def test_a_connection_lost_in_its_first_subscribe_leaves_no_session(
    schedule: SessionSchedules,
) -> None:
    """No connection has the row that was written: it must expire."""
    schedule.start(0, {BOOKINGS}, keeps=True)
    schedule.writes_take_long()
    schedule.come(0, {NOTES}, keeps=True)
    schedule.turn(4)
    schedule.the_connection_breaks(1, "reset")


def test_a_connection_lost_in_its_resume_leaves_no_session(schedule: SessionSchedules) -> None:
    """No connection has the session that was taken over: it must expire."""
    schedule.start(0, {BOOKINGS}, keeps=False)
    schedule.the_connection_breaks(0, "reset")
    schedule.turn(4)
    schedule.writes_take_long()
    schedule.come_back(0, 1, None)
    schedule.turn(4)
    schedule.the_connection_breaks(0, "reset")


def test_what_was_followed_before_a_resume_is_resumed_with_it(schedule: SessionSchedules) -> None:
    """The stream came into the session with the position from which it was followed."""
    schedule.start(0, {BOOKINGS}, keeps=False)
    schedule.the_connection_breaks(0, "reset")
    schedule.come_back(0, 0, TABLES)
    schedule.turn(6)
    schedule.the_connection_breaks(0, "reset")
    schedule.traffic([(0, TABLES, 3, "now")], flushed=True)
    schedule.come_back(0, 1, None)


def test_a_reset_that_nobody_read_is_told_again(schedule: SessionSchedules) -> None:
    """A session goes on from its reset only once that has arrived."""
    schedule.start(0, {BOOKINGS}, keeps=False)
    schedule.the_connection_breaks(0, "reset")
    schedule.traffic([(0, BOOKINGS, 3, "lost")], flushed=True)
    schedule.prune(BOOKINGS, 4)
    schedule.manners_change(0, reads=False, pongs=True, closes=True)
    schedule.come_back(0, 0, None)
    schedule.turn(6)
    schedule.the_connection_breaks(0, "reset")
    schedule.manners_change(0, reads=True, pongs=True, closes=True)
    schedule.come_back(0, 0, None)
    schedule.turn(6)
    schedule.nothing_went_wrong()


@pytest.mark.parametrize("keeps", [True, False])
def test_a_new_epoch_during_a_resume_resets(schedule: SessionSchedules, *, keeps: bool) -> None:
    """A position that was good when it was looked at says nothing about a log of another name."""
    schedule.start(3, {BOOKINGS}, keeps=keeps)
    schedule.the_connection_breaks(0, "reset")
    schedule.traffic([(0, BOOKINGS, 3, "lost")], flushed=True)
    schedule.look(0)
    schedule.writes_take_long()
    schedule.come_back(0, 0, None)
    schedule.turn(6)
    schedule.writes_end()
    schedule.writes_take_long()
    schedule.turn(4)
    schedule.a_backup_is_restored(3, 0)
    schedule.writes_end()
    schedule.turn(6)


def test_an_unsubscribe_holds_after_a_subscribe_of_unknown_outcome(
    schedule: SessionSchedules,
) -> None:
    """The row may have a stream that no connection follows here: the unsubscribe is stored all the
    same.
    """
    schedule.start(0, {BOOKINGS}, keeps=True)
    schedule.turn(6)
    schedule.writes_fail(["unknown"])
    schedule.subscribe(pick=0, streams={NOTES}, keeps=True, batch=None)
    schedule.turn(80)
    schedule.unsubscribe(pick=0, streams={NOTES})
    schedule.turn(80)
    schedule.the_connection_breaks(0, "reset")
    schedule.come_back(0, 0, None)
    schedule.turn(80)
    schedule.nothing_went_wrong()


def test_a_subscribe_holds_after_an_unsubscribe_of_unknown_outcome(
    schedule: SessionSchedules,
) -> None:
    """The row may have forgotten what is followed here: the subscribe is stored all the same."""
    schedule.start(0, {BOOKINGS, NOTES}, keeps=True)
    schedule.turn(80)
    schedule.writes_fail(["unknown"])
    schedule.unsubscribe(pick=0, streams={NOTES})
    schedule.turn(80)
    schedule.subscribe(pick=0, streams={NOTES}, keeps=True, batch=None)
    schedule.turn(80)
    schedule.the_connection_breaks(0, "reset")
    schedule.come_back(0, 0, None)
    schedule.turn(80)
    schedule.nothing_went_wrong()
    assert NOTES in schedule.cluster.clients[0].dialogs[-1].chain


@pytest.mark.parametrize("process", [0, 1])
def test_an_unsubscribe_without_the_store_is_remembered(
    schedule: SessionSchedules, process: int
) -> None:
    """The process that answered it knows, though the row says otherwise; another one may follow the
    stream again.
    """
    schedule.start(3, {BOOKINGS, STATS}, keeps=False)
    schedule.turn(6)
    schedule.writes_fail(["refused"])
    schedule.unsubscribe(pick=0, streams={STATS})
    schedule.turn(1)
    schedule.the_connection_breaks(0, "reset")
    schedule.come_back(pick=0, process=process, first=None)
    schedule.turn(20)
    schedule.nothing_went_wrong()
    assert BOOKINGS in schedule.cluster.clients[0].dialogs[-1].chain
    assert (STATS in schedule.cluster.clients[0].dialogs[-1].chain) == (process == 1)


def test_a_session_that_expired_during_a_standstill_is_stored_again(
    schedule: SessionSchedules,
) -> None:
    """Another process, which starts before ours has said that it lives, takes it for abandoned: the
    next beat finds that it is gone.
    """
    schedule.start(0, {BOOKINGS}, keeps=False)
    schedule.a_long_time_passes(chance=0)
    schedule.a_process_drains(number=1, chance=0)
    schedule.subscribe(pick=0, streams={BOOKINGS}, batch=None, keeps=False)
    schedule.time_passes(seconds=6)
    schedule.time_passes(seconds=8)
    schedule.come_back(pick=0, process=0, first=None)
    schedule.writes_end()


def test_a_replay_that_a_restored_backup_overtakes_is_reset(schedule: SessionSchedules) -> None:
    """What it was to read next is gone before its process has found out; the new epoch's own reset
    follows.
    """
    schedule.start(0, {BOOKINGS, STATS}, keeps=False)
    schedule.figures_change(process=0)
    schedule.traffic([(0, BOOKINGS, 1, "late")], flushed=False)
    schedule.come_back(pick=0, process=0, first=None)
    schedule.figures_change(process=0)
    schedule.figures_change(process=0)
    schedule.a_notice_arrives(pick=0, again=False)
    schedule.figures_change(process=0)
    schedule.a_backup_is_restored(share=0, chance=0)


@pytest.mark.parametrize("how", ["half open", "reset"])
def test_a_resume_that_is_carried_out_late_takes_nothing(
    schedule: SessionSchedules, how: str
) -> None:
    """An older connection, be it known to be dead or not, had asked for the session before the one
    that holds it by now.
    """
    schedule.start(0, {BOOKINGS}, keeps=False)
    schedule.turn(6)
    schedule.the_connection_breaks(0, "reset")
    schedule.time_passes(seconds=2)
    schedule.writes_take_long(process=0)
    schedule.come_back(pick=0, process=0, first=None)
    schedule.turn(6)
    schedule.the_connection_breaks(0, how)
    schedule.come_back(pick=0, process=1, first=None)
    schedule.turn(6)
    holder = schedule.cluster.clients[0].dialogs[-1]
    assert holder.has_entered
    schedule.writes_end(process=0)
    schedule.time_passes(seconds=6)
    schedule.nothing_went_wrong()
    assert not holder.is_over
