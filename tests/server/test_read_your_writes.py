"""The last write of each user is remembered, for a bounded number of them."""

from rtdash.server import read_your_writes
from rtdash.server.read_your_writes import ReadYourWrites


def test_the_latest_write_of_each_user_and_venue_counts() -> None:
    """Others', and other venues', are 0."""
    writes = ReadYourWrites()
    writes.note("anna", "hotel", 3)
    writes.note("anna", "hotel", 7)
    assert [
        writes.last_write(*who) for who in (("anna", "hotel"), ("bert", "hotel"), ("anna", "grill"))
    ] == [7, 0, 0]


def test_the_oldest_are_forgotten_first(monkeypatch) -> None:
    """A write again makes it young."""
    monkeypatch.setattr(read_your_writes, "MAX_REMEMBERED", 2)
    writes = ReadYourWrites()
    for user in ("anna", "bert", "anna", "cleo"):
        writes.note(user, "hotel", 1)
    assert [writes.last_write(user, "hotel") for user in ("anna", "bert", "cleo")] == [1, 0, 1]
