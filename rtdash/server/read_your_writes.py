"""Latest writes of users: after a change of its own, a user is never shown figures from before it."""

MAX_REMEMBERED = 10_000


class ReadYourWrites:
    """The mark (`Dashboard.mark`) of each user's latest write to a venue. Forgotten ones are of no
    harm for long: see `mark`.
    """

    def __init__(self) -> None:
        self._checkpoints: dict[tuple[str, str], int] = {}

    def note(self, user: str, venue_id: str, mark: int) -> None:
        """The user's write to the venue is among its first `mark` changes."""
        self._checkpoints.pop((user, venue_id), None)
        while len(self._checkpoints) >= MAX_REMEMBERED:
            del self._checkpoints[next(iter(self._checkpoints))]
        self._checkpoints[user, venue_id] = mark

    def last_write(self, user: str, venue_id: str) -> int:
        """Return the change that figures of the venue must include at least, to be shown to the
        user; without a write that is remembered, 0. Figures are a quarter of a second old at most,
        so that is how long forgetting could show.
        """
        return self._checkpoints.get((user, venue_id), 0)
