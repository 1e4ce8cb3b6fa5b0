"""The instants that a reconnector waits for, by name."""

from collections.abc import Iterator

CONCLUSIONS = frozenset({"token", "opening", "answer", "silence", "check"})
"""Deadlines that conclude that something failed. After a sleep they are given another chance."""
OF_AN_ATTEMPT = CONCLUSIONS | {"ping", "quiet", "renewal", "retry"}
"""Deadlines that end with an attempt."""


class Deadlines:
    """Named instants, in seconds of one clock. Setting a name again moves it."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._first: float | None = None
        self._is_known = True

    @property
    def first(self) -> float | None:
        """The earliest instant; None while nothing is waited for."""
        if not self._is_known:
            self._first, self._is_known = min(self._at.values(), default=None), True
        return self._first

    def set(self, name: str, at: float) -> None:
        """Wait for an instant under a name."""
        self._at[name] = at
        self._is_known = False

    def get(self, name: str) -> float | None:
        """Return the instant of a name, where it is waited for."""
        return self._at.get(name)

    def remove(self, *names: str) -> bool:
        """Wait for these no longer. Returns whether one of them was waited for."""
        was_waited_for = False
        for name in names:
            if name in self._at:
                del self._at[name]
                was_waited_for, self._is_known = True, False
        return was_waited_for

    def clear(self) -> None:
        """Wait for nothing."""
        self._at.clear()
        self._is_known = False

    def take_due(self, now: float) -> Iterator[str]:
        """Take the names that are due, the earliest first; what one of them removes is skipped."""
        for name, at in sorted(self._at.items(), key=lambda one: one[1]):
            if at <= now and self._at.get(name) == at:
                self.remove(name)
                yield name

    def postpone(self, names: frozenset[str], *, due: float, to: float) -> None:
        """Move those of the names that are due."""
        for name in names & self._at.keys():
            if self._at[name] <= due:
                self.set(name, to)
