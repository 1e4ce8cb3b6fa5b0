"""The short way of the repeated reads: what it answers is what the route would, and what it can't
answer goes to the route.
"""

from datetime import UTC, datetime, timedelta
from itertools import repeat

import pytest

from tests.server.running import GRILL, HOTEL, RunningServer, ask_until_refused

STATS, UPCOMING = "/api/dashboard/stats", "/api/reservations/upcoming"


@pytest.mark.parametrize(
    "path",
    [
        STATS,
        f"{STATS}?venue={GRILL}",
        UPCOMING,
        f"{UPCOMING}?venue={GRILL}&withinMinutes=30&limit=5",
        f"{UPCOMING}?limit=500",
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
    ],
)
def test_what_is_wrong_stays_wrong(server: RunningServer, path: str, status: int) -> None:
    """However often it is asked, and although the same without the mistake is at hand."""
    with server.client() as client:
        client.get(path.partition("?")[0])
        assert [client.get(path).status_code for _ in range(3)] == [status] * 3


def test_a_question_of_unusual_length_is_not_remembered(server: RunningServer) -> None:
    """It is answered by the route: ten thousand of the longest would take half a gigabyte."""
    with server.client() as client:
        short, long = (
            client.get(f"{UPCOMING}?limit=5"),
            client.get(f"{UPCOMING}?{'limit=5&' * 1000}limit=5"),
        )
    assert (long.status_code, long.content) == (200, short.content)
    assert all(len(query) < 1000 for _, query, _ in server.app._questions)


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
