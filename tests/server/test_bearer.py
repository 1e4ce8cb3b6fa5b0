"""The one parser of `Authorization: Bearer`, and that every way into the server uses it."""

import pytest

from rtdash.server.auth.bearer import find_bearer, parse_bearer
from rtdash.server.ws.handshake import Handshake
from tests.server.running import RunningServer

STATS = "/api/dashboard/stats"


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER abc", "abc"),
        ("bEaReR abc", "abc"),
        ("Bearer   abc", "abc"),
        ("Bearer abc  ", "abc"),
        ("Bearer \tabc", "abc"),
        ("Bearer a b", "a b"),  # no token at all: its signature says so
        ("Bearer", None),
        ("Bearer ", None),
        ("Bearer    ", None),
        ("", None),
        ("Bearerabc", None),
        ("Bearer\tabc", None),
        (" Bearer abc", None),
        ("Basic abc", None),
        ("Bearers abc", None),
        ("abc", None),
    ],
)
def test_a_value_is_parsed(value: str, token: str | None) -> None:
    """By the scheme in any case, one blank, and what follows without the blanks around it; in a
    head, and in a handshake's fields.
    """
    head = [(b"host", b"x"), (b"authorization", value.encode("latin-1")), (b"accept", b"*/*")]
    asked = Handshake.parse({"authorization": value}, {}, address="", is_secure=False)
    assert [parse_bearer(value), find_bearer(head), asked.token] == [token] * 3


@pytest.mark.parametrize("values", [(), ("Bearer a", "Bearer a"), ("Bearer a", "Basic b")])
def test_a_head_has_one_token(values: tuple[str, ...]) -> None:
    """Without the field there is none, and of two it is unknown which is meant."""
    assert find_bearer([(b"authorization", value.encode()) for value in values]) is None


@pytest.mark.parametrize("form", ["bearer {}", "BEARER   {}", "Bearer  {}"])
def test_every_way_in_takes_the_same_forms(server: RunningServer, form: str) -> None:
    """The route, then the short read, the short write and the metrics' own token."""
    with server.client(user=f"bearer {form}") as client:
        client.headers["Authorization"] = form.format(
            client.headers["Authorization"].removeprefix("Bearer ")
        )
        assert [client.get(STATS).status_code for _ in range(3)] == [200] * 3
        answer = client.post("/api/operations", json=[])
        assert answer.status_code != 401


@pytest.mark.parametrize("value", ["Bearer", "Basic YTpi", "{token}"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_missing_token_is_asked_for(server: RunningServer, method: str, value: str) -> None:
    """Whatever else the field says."""
    with server.client(user="missing") as client:
        token = client.headers["Authorization"].removeprefix("Bearer ")
        path = STATS if method == "GET" else "/api/operations"
        answer = client.request(
            method, path, headers={"Authorization": value.format(token=token)}, json=None
        )
    assert answer.status_code == 401
    assert "send a token, as in: Authorization: Bearer" in answer.json()["detail"]
