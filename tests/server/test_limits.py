"""The rate of requests: its burst, its refill, its bound."""

from rtdash.server.http.request_limit import RequestLimit


class Seconds:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def limit(
    seconds: Seconds,
    refused: list[None],
    per_second: float = 2,
    burst: int = 3,
    *,
    dry_run: bool = False,
) -> RequestLimit:
    """A limit that counts into `refused`."""
    return RequestLimit(
        per_second,
        burst,
        monotonic=seconds,
        dry_run=dry_run,
        on_refused=lambda: refused.append(None),
    )


def test_the_refill_goes_at_the_rate_that_was_set() -> None:
    """After a burst of 3, two a second, over a minute: 3 + 120, whatever the asking."""
    seconds, refused = Seconds(), []
    bucket = limit(seconds, refused)
    granted = 0
    for _ in range(6_000):
        granted += bucket.take("anna") == 0
        seconds.now += 0.01
    assert granted == 3 + 119
    assert len(refused) == 6_000 - granted


def test_who_is_refused_is_told_how_long_to_wait() -> None:
    """After that wait, and not before, one is granted."""
    seconds, refused = Seconds(), []
    bucket = limit(seconds, refused)
    assert [bucket.take("anna") for _ in range(3)] == [0, 0, 0]
    wait_s = bucket.take("anna")
    assert wait_s == 0.5
    seconds.now += wait_s - 0.001
    assert bucket.take("anna") > 0
    seconds.now += 0.002
    assert bucket.take("anna") == 0


def test_users_dont_share() -> None:
    """Each has a bucket."""
    bucket = limit(Seconds(), [])
    assert [bucket.take(user) for user in ("anna", "bert") for _ in range(3)] == [0] * 6


def test_no_limit_and_dry_run_grant_everything() -> None:
    """The dry run counts."""
    refused: list[None] = []
    assert [limit(Seconds(), refused, per_second=0).take("anna") for _ in range(9)] == [0] * 9
    dry = limit(Seconds(), refused, dry_run=True)
    assert [dry.take("anna") for _ in range(5)] == [0] * 5
    assert len(refused) == 2
