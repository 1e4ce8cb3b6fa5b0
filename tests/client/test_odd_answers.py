"""Answers of something else than rtdash, or of a server gone wrong: refused in words, by their
shape, their coding and their length.
"""

import asyncio
import gzip
from contextlib import closing, suppress

import pytest

from rtdash.cli.failures import CommandFailed
from rtdash.cli.http_client import request_json
from rtdash.client import bounded_answers
from rtdash.client.api import Api
from rtdash.client.api_errors import Problem, Unreachable
from tests.client.answers import answering
from tests.client.test_api import run

ODD_VENUE = {"id": "x", "name": "X", "kind": "spa", "timezone": "UTC", "currency": "EUR"}


@pytest.mark.parametrize(
    "answer",
    [
        *({}, [], {"venues": []}, "hello", None, 5, b"[" * 100_000, b'"\xff"'),
        *({"id": 1, "scopes": [], "venues": []}, {"id": "a", "scopes": "x", "venues": []}),
        *({"id": "a", "scopes": [], "venues": 5}, {"id": "a", "scopes": [], "venues": [5]}),
        *({"id": "a", "scopes": [], "venues": [one]} for one in ({}, {"id": "x"}, ODD_VENUE)),
    ],
    ids=lambda answer: str(answer)[:40],
)
def test_something_else_that_says_200(answer):
    """A portal, a proxy, another program: recognised by the shape, not only by the status."""

    async def scenario():
        async with answering((200, answer, {})) as (api, _):
            with pytest.raises(Problem, match="seems to be something else"):
                await api.profile()

    run(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        {"events": None, "position": {"epoch": "e", "seq": 1}},
        {"events": [], "position": None},
        {"events": [], "position": {"epoch": None, "seq": 1}},
        {"events": [], "position": {"epoch": "e", "seq": "1"}},
        {"events": [{"type": "new_reservation"}], "position": {"epoch": "e", "seq": 1}},
        {"events": [7], "position": {"epoch": "e", "seq": 1}},
    ],
)
def test_a_page_of_something_else(answer):
    """A position that is none would be followed into a fault."""

    async def scenario():
        async with answering((200, answer, {})) as (api, _):
            with pytest.raises(Problem, match="seems to be something else"):
                await api.events("hotel_reservations")

    run(scenario)


@pytest.mark.parametrize("status", [200, 403, 502])
def test_an_answer_that_is_not_coded_as_it_says(status):
    """A proxy that says gzip and sends text, or cuts it: no exception of the library comes out."""

    async def scenario():
        told = (status, b"<html>not gzip", {"Content-Encoding": "gzip"})
        async with answering(told) as (api, _):
            with pytest.raises(Unreachable, match="can't reach the server"):
                await api.profile()

    run(scenario)


@pytest.mark.parametrize("bound", ["MAX_ANSWER_BYTES", "ANSWER_TIMEOUT_S"])
@pytest.mark.parametrize("kind", ["api", "command"])
def test_an_answer_without_an_end(bound, kind, monkeypatch):
    """A stream of sound says 200 and goes on for ever: the reading ends, in bytes and in time."""
    monkeypatch.setattr(bounded_answers, bound, 0.5 if bound == "ANSWER_TIMEOUT_S" else 50_000)

    async def sing(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n")
        with suppress(OSError), closing(writer):
            while True:
                writer.write(b"x" * (1 if bound == "ANSWER_TIMEOUT_S" else 10_000))
                await writer.drain()
                await asyncio.sleep(0.05)
        ended.set()

    ended = asyncio.Event()

    async def scenario():
        async with await asyncio.start_server(sing, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            if kind == "command":
                arguments = ("GET", url, "/api/user/profile", "t")
                with pytest.raises(CommandFailed, match="the answer has"):
                    await asyncio.to_thread(request_json, *arguments, shape={})
            else:
                async with Api(url, "t") as api:
                    with pytest.raises(Unreachable, match="the answer has"):
                        await api.profile()
            await asyncio.wait_for(ended.wait(), 30)

    run(scenario)


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("kind", ["api", "command"])
def test_little_that_is_much_when_it_is_decoded(kind, status, monkeypatch):
    """A gigabyte of blanks is a megabyte of gzip: the bound holds for what is decoded."""
    monkeypatch.setattr(bounded_answers, "MAX_ANSWER_BYTES", 50_000)

    async def scenario():
        told = (status, gzip.compress(b" " * 1_000_000), {"Content-Encoding": "gzip"})
        async with answering(told) as (api, _):
            if kind == "command":
                arguments = ("GET", api.url, "/api/user/profile", "t")
                with pytest.raises(CommandFailed, match="the answer has more than 50000 bytes"):
                    await asyncio.to_thread(request_json, *arguments, shape={})
            else:
                with pytest.raises(Unreachable, match="the answer has more than 50000 bytes"):
                    await api.profile()

    run(scenario)


def test_a_refusal_nested_without_end():
    """The error names the status alone."""

    async def scenario():
        async with answering((502, b"[" * 100_000, {})) as (api, _):
            with pytest.raises(Problem, match="HTTP 502"):
                await api.profile()

    run(scenario)
