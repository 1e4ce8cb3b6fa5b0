"""State of a followed stream: what was accepted of it, and what is known to exist."""


class StreamState:
    """State of one stream. Its identity is its generation: what was read for an earlier one is
    void.
    """

    __slots__ = (
        "accepted",
        "accepted_before",
        "followers",
        "is_open",
        "polls",
        "requested",
        "requests",
    )

    def __init__(self) -> None:
        self.followers = self.polls = self.accepted_before = 0
        self.is_open = False
        self.requests = 0
        self.go_to(0)

    def go_to(self, seq: int) -> None:
        """`accepted` is the last seq given to the hub, `requested` the last that was seen."""
        self.accepted = self.requested = seq

    def advance(self, seq: int, polls: int) -> None:
        """Set `accepted`; `accepted_before` keeps what it was when the poll of that number began."""
        if self.polls != polls:
            self.polls, self.accepted_before = polls, self.accepted
        self.accepted = seq

    def request_up_to(self, seq: int) -> None:
        """Note that `seq` is known to exist; `requests` shows whether one more was noted since a
        read began.
        """
        self.requested = max(self.requested, seq)
        self.requests += 1
