"""The short way of the repeated reads: what it answers is what the route would, and what it can't
answer goes to the route.
"""

from datetime import UTC, datetime, timedelta
from itertools import repeat

import pytest

from rtdash.domain.instants import format_instant, utc_now
from rtdash.store.database import StoreUnavailable
from tests.server.running import GRILL, HOTEL, RunningServer, ask_until_refused
from tests.server.wanted import TABLE

STATS, UPCOMING = "/api/dashboard/stats", "/api/reservations/upcoming"
TODAY, TABLES = "/api/dashboard/reservations/today", "/api/restaurant/reservations"


@pytest.mark.parametrize(
    "path",
    [
        STATS,
        f"{STATS}?venue={GRILL}",
        UPCOMING,
        f"{UPCOMING}?venue={GRILL}&withinMinutes=30&limit=5",
        f"{UPCOMING}?limit=500",
        TODAY,
        f"{TODAY}?venue={GRILL}&limit=3",
        TABLES,
        f"{TABLES}?venue={GRILL}&status=Confirmed&limit=3",
        "/api/hotel/bookings?status=NoShow",
    ],
)
def test_both_ways_answer_alike(server: RunningServer, path: str) -> None:
    """The first answer is the route's, the second the short way's; so is a 304. A browser with an
    Origin is always the route's.
    """
    with server.client(user=f"alike {path}") as client:
        by_route, at_hand = client.get(path), client.get(path)
        with_origin = client.get(path, headers={"Origin": "https://dash.example"})
        unchanged = client.get(path, headers={"If-None-Match": by_route.headers["etag"]})
    assert server.app._questions, "the short way was gone"
    for answer in (at_hand, with_origin):
        assert (answer.status_code, answer.content) == (200, by_route.content)
        for name in ("content-type", "content-length", "etag", "cache-control"):
            assert answer.headers[name] == by_route.headers[name]
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (
        304,
        b"",
        by_route.headers["etag"],
    )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{STATS}?venue=nowhere", 403),
        (f"{UPCOMING}?withinMinutes=0", 422),
        (f"{UPCOMING}?withinMinutes=-1", 422),
        (f"{UPCOMING}?limit=501", 422),
        (f"{UPCOMING}?limit=%C2%B2", 422),
        (f"{UPCOMING}?cursor=x", 422),
        (f"{TABLES}?cursor=x", 422),
        (f"{TABLES}?status=Upcoming", 422),
        (f"{TABLES}?status=", 422),
        (f"{TABLES}?limit=0", 422),
        (f"{TABLES}?limit=%D9%A3", 422),
        (f"{TABLES}?venue={HOTEL}", 422),
        (f"{TABLES}?venue=nowhere", 403),
        (f"{TODAY}?cursor=x", 422),
    ],
)
def test_what_is_wrong_stays_wrong(server: RunningServer, path: str, status: int) -> None:
    """However often it is asked, and although the same without the mistake is at hand."""
    with server.client() as client:
        client.get(path.partition("?")[0])
        assert [client.get(path).status_code for _ in range(3)] == [status] * 3


@pytest.mark.parametrize("path", [TODAY, TABLES])
def test_a_page_has_what_was_booked_before_it_was_asked_for(
    server: RunningServer, path: str
) -> None:
    """By whichever user, and as often as that happens."""
    with server.client(user="books") as books, server.client(user="reads") as reads:
        for _ in range(5):
            now = TABLE | {"date": format_instant(utc_now())}
            booked = books.post(TABLES, json=now).json()
            listed = reads.get(path, params={"venue": GRILL, "limit": 500}).json()
            assert booked in listed["reservations"]


def test_a_page_that_the_store_cannot_give_is_a_problem(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is by the route: 503 with the time to wait."""

    async def lost(*_: object) -> None:
        raise StoreUnavailable("the store is away", reason="lost")

    with server.client(user="waits") as client:
        assert client.get(f"{TABLES}?limit=7").status_code == 200
        monkeypatch.setattr(server.app.state.kept_pages, "first_page", lost)
        monkeypatch.setattr(server.app.state.kept_pages, "at_hand", lambda *_: None)
        answers = [client.get(f"{TABLES}?limit=7"), client.get(TABLES, params={"limit": "07"})]
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (
            503,
            "urn:rtdash:problem:unavailable",
        )
        assert "Retry-After" in answer.headers


def test_a_question_of_unusual_length_is_not_remembered(server: RunningServer) -> None:
    """The route answers it: ten thousand of the longest would take half a gigabyte."""
    with server.client() as client:
        short, long = (
            client.get(f"{UPCOMING}?limit=5"),
            client.get(f"{UPCOMING}?{'limit=5&' * 90}limit=5"),
        )
    assert (long.status_code, long.content) == (200, short.content)
    assert all(len(query) < 700 for _, query, _ in server.app._questions)


def test_answers_at_hand_are_for_who_may_see_them(server: RunningServer) -> None:
    """Another token with the same question is judged by its own rights."""
    with (
        server.client() as both,
        server.client(venues=[GRILL]) as grill,
        server.client(scopes=("restaurant:read",)) as narrow,
    ):
        for _ in range(3):
            assert both.get(STATS).json()["venue"] == HOTEL
            assert grill.get(STATS).json()["venue"] == GRILL
            assert narrow.get(STATS).status_code == 403
            assert grill.get(STATS, params={"venue": HOTEL}).status_code == 403


def test_a_token_that_runs_out_is_refused_also_here(server: RunningServer) -> None:
    """The answer at hand outlives the token by no more than the leeway of 10 s."""
    with server.client(ttl=timedelta(seconds=-7), now=datetime.now(UTC)) as client:
        assert client.get(STATS).status_code == 200
        answers = []
        while not answers or answers[-1].status_code == 200:
            answers.append(client.get(STATS))
            assert len(answers) < 100_000
    assert answers[-1].status_code == 401
    assert "expired" in answers[-1].json()["detail"]


def test_the_rate_holds_here_too(serve) -> None:
    """Answers at hand are taken from the user's rate, each once."""
    with serve(limits={"requests_per_second": 1, "requests_burst": 5}).client() as client:
        assert ask_until_refused(client, repeat(STATS), burst=5).status_code == 429
