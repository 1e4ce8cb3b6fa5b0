"""The traces of fixtures/protocol, replayed word for word against the real server on both lanes."""

import asyncio
import json
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from rtdash.resources import data_path
from tests.server.sockets import PATIENCE_S, Client, Server, anyio_backend, edge, lane, serving

__all__ = ["anyio_backend", "edge", "lane"]

pytestmark = pytest.mark.anyio

TRACES = {
    path.stem: trace
    for path in sorted(data_path("fixtures", "protocol").glob("*.json"))
    if (trace := json.loads(path.read_text(encoding="utf-8"))).get("by") != "clients"
}
WARNING = "token_expiring"
_PLACEHOLDER = re.compile(r"<(?:(?P<name>[a-z]+)=)?(?P<what>[a-z]+)(?:\+(?P<plus>\d+))?>")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_KINDS = {
    "any": lambda _: True,
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: type(value) is int,
    "instant": lambda value: isinstance(value, str) and _INSTANT.fullmatch(value) is not None,
}


class Placeholders:
    """What a trace remembers."""

    def __init__(self, **known: Any) -> None:
        self._known = known

    def fill(self, template: Any) -> Any:
        """The template with remembered values in it."""
        match template:
            case dict():
                return {key: self.fill(value) for key, value in template.items()}
            case list():
                return [self.fill(value) for value in template]
            case str() if (found := _PLACEHOLDER.fullmatch(template)) and found[
                "what"
            ] not in _KINDS:
                known = self._known[found["what"]]
                return known + int(found["plus"]) if found["plus"] else known
        return template

    def check(self, template: Any, value: Any, where: str) -> None:
        """Whether the value is what the template says; remembers what it names."""
        found = _PLACEHOLDER.fullmatch(template) if isinstance(template, str) else None
        if found is not None and found["what"] in _KINDS:
            assert _KINDS[found["what"]](value), f"{where}: {value!r} is no {found['what']}"
            if found["name"]:
                self._known[found["name"]] = value
        elif isinstance(template, dict):
            assert isinstance(value, dict), f"{where}: {value!r}"
            assert list(value) == list(template), f"{where}: {value!r}"
            for key, inner in template.items():
                self.check(inner, value[key], f"{where}.{key}")
        elif isinstance(template, list):
            assert len(value) == len(template), f"{where}: {value!r}"
            for index, inner in enumerate(template):
                self.check(inner, value[index], f"{where}[{index}]")
        else:
            assert value == self.fill(template), f"{where}: {value!r} instead of {template!r}"


@pytest.mark.parametrize("name", [name for name in TRACES if name != "restart"])
async def test_the_server_obeys_the_trace(edge: Server, name: str) -> None:
    """Every message comes with exactly its fields, in their order, and every connection ends as it
    should.
    """
    await play(edge, TRACES[name]["steps"])


async def test_a_restart_obeys_its_trace(tmp_path: Path, lane: str) -> None:
    """A drain ends the server, so that this trace has one of its own."""
    with serving(tmp_path, lane, drain_window_s=0.2) as server:
        await play(server, TRACES["restart"]["steps"])


async def play(server: Server, steps: list[dict[str, Any]]) -> None:
    """Take the client's part of a trace."""
    placeholders = Placeholders(expiring=server.token(ttl_s=20), fresh=server.token())
    clients: list[Client] = []
    early: list[dict[str, Any]] = []
    async with AsyncExitStack() as stack, asyncio.TaskGroup() as drains:
        for number, step in enumerate(steps):
            [(kind, what)] = step.items()
            match kind:
                case "connect":
                    url = server.url(**{"token": server.token(), **placeholders.fill(what)})
                    client = Client(await stack.enter_async_context(connect(url, proxy=None)))
                    clients.append(client)
                case "connection":
                    client = clients[what]
                case "send":
                    await client.send(placeholders.fill(what))
                case "expect":
                    message = await receive(client, early, is_warning=what.get("type") == WARNING)
                    placeholders.check(what, message, f"step {number}")
                case "book":
                    await server.book(what)
                    await server.settle()
                case "drain":
                    drains.create_task(server.call(server.services.connection_manager.drain))
                case "leave":
                    await client.websocket.close()
                case "closed":
                    await asyncio.wait_for(client.websocket.wait_closed(), PATIENCE_S)
                    assert client.websocket.close_code == what
                case _:
                    pytest.fail(f"step {number}: there is no step {kind!r}")


async def receive(
    client: Client, early: list[dict[str, Any]], *, is_warning: bool
) -> dict[str, Any]:
    """Return the next message; a warning that is due comes when a timer turns, before an answer or
    behind it.
    """
    if is_warning and early:
        return early.pop()
    message = await client.receive()
    if message.get("type") == WARNING and not is_warning:
        early.append(message)
        message = await client.receive()
    return message


def test_there_are_traces() -> None:
    """The fixtures travel with the package."""
    assert len(TRACES) >= 13
