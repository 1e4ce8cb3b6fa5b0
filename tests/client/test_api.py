"""The REST client against a server that answers as the test says."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from rtdash.client.api import Api
from rtdash.client.api_errors import NotAllowed, Problem, Unreachable
from tests.client.answers import DROP, answering

OPERATIONS = [{"operationId": "a", "op": "confirm"}, {"operationId": "b", "op": "confirm"}]
APPLIED = {
    "outcomes": [
        {"operationId": "a", "outcome": "applied"},
        {"operationId": "b", "outcome": "applied"},
    ]
}


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 30))


PROFILE = {"id": "u", "scopes": [], "venues": []}


def test_token_travels_in_the_header_alone():
    """The bearer token stands in the header, never in the URL."""

    async def scenario():
        async with answering((200, PROFILE, {}), token="secret") as (api, told):
            await api.profile()
            line, headers, _ = told.requests[0]
            assert headers["authorization"] == "Bearer secret"
            assert line == "GET /api/user/profile"

    run(scenario)


def test_token_source_is_asked_before_every_request():
    """A token that was renewed is used from the next request on."""
    tokens = iter(["first", "second"])

    async def renew() -> str:
        return next(tokens)

    async def scenario():
        async with answering((200, PROFILE, {}), token=renew) as (api, told):
            await api.profile()
            await api.profile()
            assert [headers["authorization"] for _, headers, _ in told.requests] == [
                "Bearer first",
                "Bearer second",
            ]

    run(scenario)


def test_connection_is_kept():
    """One request after the other uses one connection."""

    async def scenario():
        async with answering((200, PROFILE, {})) as (api, told):
            for _ in range(3):
                await api.profile()
            assert told.connections == 1

    run(scenario)


def test_parameters_that_are_none_are_left_out():
    """`events` asks only for what it was given."""

    async def scenario():
        page = {"events": [], "position": {"epoch": "e", "seq": 7}}
        async with answering((200, page, {})) as (api, told):
            await api.events("hotel_reservations", after=7)
            assert told.requests[0][0] == "GET /api/channels/hotel_reservations/events?after=7"

    run(scenario)


@pytest.mark.parametrize(
    "trouble",
    [
        DROP,
        (503, {"type": "urn:rtdash:problem:unavailable"}, {}),
        (429, {}, {"Retry-After": "0"}),
        (502, b"<html>bad gateway", {}),
        (504, b"", {}),
    ],
    ids=["dropped", "503", "429", "502", "504"],
)
def test_operations_are_sent_again_with_the_same_ids(trouble):
    """What may pass is tried again, with the very same operations, so that nothing is done
    twice.
    """

    async def scenario():
        async with answering(trouble, trouble, (200, APPLIED, {})) as (api, told):
            outcomes = await api.post_operations(OPERATIONS)
            assert [outcome["outcome"] for outcome in outcomes] == ["applied", "applied"]
            assert api.retries == 2
            assert api.retried_for
            assert [json.loads(body) for _, _, body in told.requests] == [OPERATIONS] * 3

    run(scenario)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 500])
def test_what_will_not_pass_is_not_sent_again(status):
    """A refusal for good is raised at once."""

    async def scenario():
        async with answering((status, {"title": "no"}, {})) as (api, told):
            with pytest.raises(Problem):
                await api.post_operations(OPERATIONS)
            assert len(told.requests) == 1

    run(scenario)


def test_retries_end_at_the_deadline():
    """Operations are not tried for ever: the last error is raised."""

    async def scenario():
        async with answering((503, {"title": "no store"}, {}), retry_for_s=0.5) as (api, told):
            with pytest.raises(Problem) as caught:
                await api.post_operations(OPERATIONS)
            assert caught.value.status == 503
            assert len(told.requests) >= 2

    run(scenario)


def test_retry_after_beyond_the_deadline_ends_at_once():
    """A server that asks for more time than there is is not waited for."""

    async def scenario():
        async with answering((503, {}, {"Retry-After": "3600"}), retry_for_s=5) as (api, told):
            with pytest.raises(Problem) as caught:
                await api.post_operations(OPERATIONS)
            assert caught.value.retry_after_s == 3600
            assert len(told.requests) == 1

    run(scenario)


def test_problem_carries_what_the_server_told():
    """The members of the problem document are attributes."""
    document = {
        "type": "urn:rtdash:problem:invalid",
        "title": "Wrong",
        "status": 422,
        "detail": "guests: must be a whole number",
    }

    async def scenario():
        async with answering((422, document, {})) as (api, _):
            with pytest.raises(Problem) as caught:
                await api.get_json("/api/hotel/bookings", status="Lost")
            problem = caught.value
            assert (problem.status, problem.type, problem.title, problem.detail) == (
                422,
                document["type"],
                "Wrong",
                document["detail"],
            )
            assert "guests: must be" in str(problem)

    run(scenario)


@pytest.mark.parametrize("status", [401, 403])
def test_not_allowed_is_told_apart(status):
    """A token that doesn't do is its own kind of failure."""

    async def scenario():
        async with answering((status, {"detail": "the token has expired"}, {})) as (api, _):
            with pytest.raises(NotAllowed, match="expired"):
                await api.profile()

    run(scenario)


def test_nobody_listening_is_unreachable():
    """A refused connection names the server and says so."""

    async def scenario():
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        async with Api(f"http://127.0.0.1:{port}", "t") as api:
            with pytest.raises(Unreachable, match=str(port)):
                await api.profile()

    run(scenario)


def test_environment_proxy_is_not_used_for_this_machine(monkeypatch):
    """A proxy of the environment never stands between the client and a server on the same
    machine.
    """
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def scenario():
        async with answering((200, PROFILE, {})) as (api, _):
            assert await api.profile() == PROFILE

    run(scenario)


@pytest.mark.parametrize(
    "answer",
    [{"outcomes": APPLIED["outcomes"][:1]}, {"outcomes": "all"}, []],
    ids=["too few", "no list", "no object"],
)
def test_outcomes_must_match_the_operations(answer):
    """An answer without an outcome for each operation is no success."""

    async def scenario():
        async with answering((200, answer, {})) as (api, _):
            with pytest.raises(Problem, match="don't match"):
                await api.post_operations(OPERATIONS)

    run(scenario)


def test_another_kind_of_server_is_told():
    """An answer that isn't JSON gives a hint that the URL may be wrong."""

    async def scenario():
        async with answering((200, b"<html>hello", {})) as (api, _):
            with pytest.raises(Problem, match="seems to be something else"):
                await api.profile()

    run(scenario)


@pytest.mark.parametrize(
    "variables",
    [
        {"ALL_PROXY": "socks5://127.0.0.1:9"},
        {"NO_PROXY": "localhost,[::1]"},
        {"SSL_CERT_FILE": "/nonexistent.pem"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_environment_says_nothing_about_this_machine(variables, monkeypatch):
    """Variables for the outside world, even broken ones, don't end what stays on this machine."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    async def scenario():
        async with answering((200, PROFILE, {})) as (api, _):
            assert await api.profile() == PROFILE

    run(scenario)


def test_broken_environment_is_told_for_other_machines(monkeypatch):
    """In words that name the variables, and not as an error of a library."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent.pem")
    with pytest.raises(Unreachable, match="SSL_CERT_FILE"):
        Api("https://dash.example", "t")
