"""Turns of clients that have come back in a storm: connections that wait for their answer go
first.
"""

from collections import deque
from collections.abc import Callable

CHECK_S = 0.05
"""Between two looks whether the storm is over: about one group of sessions."""

LONGEST_WAIT_S = 4.0
"""For which a client that has got what it missed waits for its next events."""

AT_ONCE = 200
"""Clients that go on in one turn of the event loop, some 5 ms of it; others follow."""

PAUSE_S = 0.005
"""Between two such turns."""


class ReplayTurns:
    """Turns of replays. In a storm a client gets what it missed at once, and joins the fan-out
    later, together with others: when no connection waits for its answer any more, or after
    LONGEST_WAIT_S.

    Fan-out to thousands that are back already took a third of the loop's time in a storm; their
    next events can wait, and go out in one write each. `is_storm` says whether connections wait
    for their answers; `call_later` and `now` are the event loop's.
    """

    def __init__(
        self,
        is_storm: Callable[[], bool],
        call_later: Callable[[float, Callable[[], None]], object],
        now: Callable[[], float],
    ) -> None:
        self._is_storm = is_storm
        self._call_later = call_later
        self._now = now
        self._was_storm = False
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()

    def wait(self, go_on: Callable[[], None]) -> bool:
        """Have `go_on` called in its turn. False where there is no storm:
        then it is never called.
        """
        if not self._waiting:
            if not self._is_storm():
                return False
            self._was_storm = True
            self._call_later(CHECK_S, self._give_turns)
        self._waiting.append((self._now() + LONGEST_WAIT_S, go_on))
        return True

    def _give_turns(self) -> None:
        """Give turns in the order in which they were asked for. The storm is over when no
        connection waited twice: between two groups of sessions there may be none.
        """
        is_storm = self._is_storm()
        is_over, self._was_storm = not (is_storm or self._was_storm), is_storm
        due_at = float("inf") if is_over else self._now()
        given = 0
        try:
            while self._waiting and given < AT_ONCE and self._waiting[0][0] <= due_at:
                _, go_on = self._waiting.popleft()
                given += 1
                go_on()
        finally:  # one that fails keeps none of the others waiting
            if self._waiting:
                self._call_later(PAUSE_S if given == AT_ONCE else CHECK_S, self._give_turns)
