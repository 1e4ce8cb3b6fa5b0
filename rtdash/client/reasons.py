"""Why a connection ended, in words; the same as the browser client's."""

from rtdash.client.connection_events import Closed
from rtdash.client.timing import Timing

_ABNORMAL = 1006


def of_close(closed: Closed, *, was_open: bool) -> str:
    """Return why a socket is gone, or never stood."""
    if closed.detail:
        return closed.detail
    if not was_open:
        return "the connection was refused"
    if closed.code == _ABNORMAL:
        return "the connection broke"
    said = closed.reason or "no reason given"
    return f"the server closed the connection: {said} (close code {closed.code})"


def of_deadline(name: str, timing: Timing) -> str:
    """Return what a deadline that has passed concludes."""
    return {
        "token": f"no token could be had: no answer in {timing.token_within_s:g} s",
        "opening": f"no connection in {timing.open_within_s:g} s",
        "answer": f"the subscription was not answered in {timing.answer_within_s:g} s",
        "silence": f"the server has been silent for {timing.frozen_after_s:g} s",
        "check": f"the server did not answer in {timing.check_within_s:g} s",
    }[name]
