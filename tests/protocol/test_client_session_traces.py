"""The traces that every client obeys: the client session gets the server's part of each, word for
word.
"""

import json
import re

import pytest

from rtdash.protocol.channels import Position
from rtdash.protocol.client_session import ClientSession
from rtdash.protocol.received import Gap, Message
from rtdash.resources import data_path

TRACES = sorted(data_path("fixtures", "protocol").glob("*.json"))
SAMPLES = {
    "string": "words",
    "integer": 41,
    "instant": "2026-01-02T03:04:05.678Z",
    "any": {"id": "r1"},
}
PLACEHOLDER = re.compile(r"<(?:(?P<name>\w+)=)?(?P<word>\w+)(?:\+(?P<more>\d+))?>")


def filled(value, known):
    """A message of a trace with something in place of what differs from run to run."""
    if isinstance(value, dict):
        return {name: filled(content, known) for name, content in value.items()}
    if isinstance(value, list):
        return [filled(content, known) for content in value]
    found = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return value
    if found["name"]:
        return known.setdefault(found["name"], SAMPLES[found["word"]])
    return (
        known[found["word"]] + int(found["more"] or 0)
        if found["more"]
        else known.get(found["word"], SAMPLES.get(found["word"]))
    )


def asked(request):
    """The session of a client that would say what the trace says."""
    positions = {
        channel: Position(**position) for channel, position in request.get("positions", {}).items()
    }
    return ClientSession(
        request["channels"],
        venue=request.get("venue"),
        positions=positions,
        batch_ms=request.get("batch"),
    )


def is_subscribe(request):
    return isinstance(request, dict) and request.get("action") == "subscribe"


@pytest.mark.parametrize("path", TRACES, ids=lambda path: path.stem)
def test_understands_the_servers_part(path):
    """Every message is understood, and no event is taken for lost."""
    known: dict[str, object] = {}
    session = ClientSession(["restaurant_reservations"])
    received = []
    steps = json.loads(path.read_text())["steps"]
    for step in steps:
        if "connect" in step:
            session.connected()
        elif is_subscribe(step.get("send")) and not session.followed:
            try:
                session = asked(filled(step["send"], known))
            except ValueError:
                continue  # a channel that doesn't exist; this client wouldn't have asked
            session.connected()
        elif is_subscribe(step.get("send")) and "positions" in step["send"]:
            session = asked(filled(step["send"], known))
            session.connected()
        elif "expect" in step:
            received += session.receive(json.dumps(filled(step["expect"], known)))
    missing = [one.seq - 1 for one in received if isinstance(one, Gap)]
    assert missing == [
        seq for step in steps for seq in filled(step.get("lost", {}), known).values()
    ]
    events = [one for one in received if isinstance(one, Message) and "seq" in one.body]
    assert all(one.position.seq == one.body["seq"] for one in events)


@pytest.mark.parametrize(
    "path",
    [path for path in TRACES if path.stem in {"subscribe", "subscribe-state", "reset"}],
    ids=lambda path: path.stem,
)
def test_says_the_clients_part(path):
    """The client's own request is the trace's."""
    request = next(
        step["send"]
        for step in json.loads(path.read_text())["steps"]
        if is_subscribe(step.get("send"))
    )
    session = asked(request)
    session.connected()
    first = json.loads(session.outgoing()[0])
    assert first == {name: value for name, value in request.items() if name != "id"}
