"""Events that a receiver refuses for ever are stepped over by command."""

import httpx2
import pytest

from rtdash.cli.main import run
from tests.server.running import RunningServer
from tests.server.test_rest_webhooks import Add, add, book, receiver, server, shown
from tests.webhooks.receivers import ReceiverServer, wait_for

__all__ = ["add", "receiver", "server"]

pytestmark = pytest.mark.timeout(180)


def test_a_refused_event_is_skipped_by_command(
    server: RunningServer, receiver: ReceiverServer, add: Add, capfd: pytest.CaptureFixture[str]
) -> None:
    """The list says loudly which event holds the others up, and what to type; then they come."""
    added = add(receiver.url)
    held = added["position"]["seq"] + 1
    receiver.answer = lambda one: (422 if one.seq == held else 200, {})
    token = server.token(scopes=("admin",))
    to = ["--url", server.url, "--token", token]
    assert run(["hooks", "skip", added["id"], *to]) == 1
    assert "no event of" in capfd.readouterr().err
    book(server, 3)
    wait_for(lambda: shown(server, added["id"])["heldSeq"] == held)
    assert run(["hooks", "list", *to]) == 0
    out = capfd.readouterr().out
    assert f"HELD UP by event {held} after" in out
    assert f"rtdash hooks skip {added['id']}" in out
    assert run(["hooks", "skip", added["id"], "--to", str(held + 3), *to]) == 1
    assert "nothing to skip yet" in capfd.readouterr().err
    assert run(["hooks", "skip", added["id"], *to]) == 0
    assert "(1 in all)" in capfd.readouterr().err
    wait_for(lambda: len(receiver.taken) == 2)
    assert receiver.seqs == [held + 1, held + 2]
    found = shown(server, added["id"])
    assert (found["skippedEvents"], found["heldSeq"]) == (1, None)
    assert run(["hooks", "list", *to]) == 0
    assert "skipped: 1 events" in capfd.readouterr().out
    assert run(["hooks", "skip", "wh_0", "--to", "1", *to]) == 1
    assert "no such webhook" in capfd.readouterr().err


def test_wrong_skips_are_refused(server: RunningServer, client: httpx2.Client) -> None:
    """Rights first, then the body, then the webhook."""
    path = "/api/admin/webhooks/wh_0/skip"
    assert client.post(path, json={"seq": 1}).status_code == 403
    with server.admin() as admin:
        for body in (
            {},
            {"seq": 0},
            {"seq": True},
            {"seq": "1"},
            {"seq": 1, "reset": True},
            [1],
            2**60,
        ):
            assert admin.post(path, json=body).status_code == 422, body
        assert admin.post(path, json={"reset": False}).status_code == 422
        assert admin.post(path, json={"seq": 1}).status_code == 404
        assert admin.post(path.replace("wh_0", "a%00"), json={"seq": 1}).status_code == 404
        assert admin.post(path, content=b"{").status_code == 400
