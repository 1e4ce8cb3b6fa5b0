"""The traces of fixtures/protocol, replayed word for word against the real server on both lanes."""

import asyncio
import json
import re
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import connect

from rtdash.resources import data_path
from tests.server.sockets import PATIENCE_S, Client, Server, anyio_backend, edge

__all__ = ["anyio_backend", "edge"]

pytestmark = pytest.mark.anyio

TRACES = sorted(data_path("fixtures", "protocol").glob("*.json"))
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

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

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


@pytest.mark.parametrize(
    "text",
    [path.read_text(encoding="utf-8") for path in TRACES],
    ids=[path.stem for path in TRACES],
)
async def test_the_server_obeys_the_trace(edge: Server, text: str) -> None:
    """Every message comes with exactly its fields, in their order, and every connection ends as it
    should.
    """
    placeholders = Placeholders()
    async with AsyncExitStack() as stack:
        client: Client
        for number, step in enumerate(json.loads(text)["steps"]):
            [(kind, what)] = step.items()
            match kind:
                case "connect":
                    url = edge.url(**{"token": edge.token(), **placeholders.fill(what)})
                    client = Client(await stack.enter_async_context(connect(url, proxy=None)))
                case "send":
                    await client.send(placeholders.fill(what))
                case "expect":
                    placeholders.check(what, await client.receive(), f"step {number}")
                case "book":
                    await edge.book(what)
                    await edge.settle()
                case "leave":
                    await client.websocket.close()
                case "closed":
                    await asyncio.wait_for(client.websocket.wait_closed(), PATIENCE_S)
                    assert client.websocket.close_code == what
                case _:
                    pytest.fail(f"step {number}: there is no step {kind!r}")


def test_there_are_traces() -> None:
    """The fixtures travel with the package."""
    assert len(TRACES) >= 10
