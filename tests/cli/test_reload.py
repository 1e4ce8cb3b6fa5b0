"""What a running `rtdash serve` takes anew on SIGHUP."""

import signal
from pathlib import Path

from tests.cli.starting import PATIENCE_S, following, reloadable, wait_for
from tests.faults.process import ServerProcess
from tests.webhooks.receivers import ReceiverServer


def test_sighup_reloads_limits_and_sockets_live_on(tmp_path: Path) -> None:
    """A file that can't be used leaves the limits as they were, and is warned of."""
    with (
        reloadable(tmp_path / "data", requests_burst=2) as server,
        following(server, 1) as (client,),
    ):
        config = tmp_path / "rtdash.toml"
        config.write_text("requests_per_second = 1\n")
        _reload(server, "reloaded: ", 1)
        assert any(server.get("/api/user/profile").status_code == 429 for _ in range(20))
        config.write_text("requests_per_second = 'many'\n")
        _reload(server, "the settings stay as they were", 1)
        assert server.get("/api/user/profile").status_code in {200, 429}
        config.write_text("requests_per_second = 0\n")
        _reload(server, "reloaded: ", 3)
        assert {server.get("/api/user/profile").status_code for _ in range(9)} == {200}
        assert client.ping().wait(PATIENCE_S)


def test_sighup_reloads_venues(tmp_path: Path) -> None:
    """A new venue is there at once; a broken file leaves the old ones."""
    venues = tmp_path / "venues.toml"
    inn = (
        '[[venue]]\nid = "{0}"\nname = "{0}"\nkind = "restaurant"\ntimezone = "Europe/Lisbon"\n'
        'currency = "EUR"\n'
    )
    venues.write_text(inn.format("inn"))
    with reloadable(tmp_path / "data", venues=venues) as server:
        assert _venues(server) == ["inn"]
        venues.write_text(inn.format("inn") + inn.format("bar"))
        _reload(server, "reloaded: ", 1)
        assert _venues(server) == ["inn", "bar"]
        assert server.get("/api/dashboard/stats", venue="bar").status_code == 200
        venues.write_text("[[venue]]\n")
        _reload(server, "the venues stay as they were", 1)
        assert _venues(server) == ["inn", "bar"]


def test_sighup_reloads_where_webhooks_may_be_sent(tmp_path: Path) -> None:
    """An address that isn't allowed any more gets nothing, not even on a connection that is open;
    allowed again, it gets what it missed.
    """
    hook = {"channel": "restaurant_reservations", "venue": "harbour-grill"}
    table = {"guests": 2, "source": "Phone", "date": "2031-02-01T20:00:00Z", "customerName": "Ann"}
    config = tmp_path / "rtdash.toml"
    with ReceiverServer().running() as receiver, reloadable(tmp_path / "data") as server:

        def book() -> None:
            assert server.post("/api/restaurant/reservations", table).status_code == 201

        refused = server.post("/api/admin/webhooks", hook | {"url": receiver.url})
        assert (refused.status_code, "RTDASH_HOOKS_ALLOW" in refused.text) == (422, True)
        config.write_text('hooks_allow = "127.0.0.0/8"\n')
        _reload(server, "reloaded: ", 1)
        added = server.post("/api/admin/webhooks", hook | {"url": receiver.url})
        assert added.status_code == 201, added.text
        book()
        wait_for(lambda: len(receiver.taken) == 1)
        config.write_text("hooks_allow = '10.0.0.0/33'\n")
        _reload(server, "the settings stay as they were", 1)
        book()
        wait_for(lambda: len(receiver.taken) == 2)
        config.write_text("")
        _reload(server, "reloaded: ", 3)
        book()
        wait_for(lambda: "may not be sent to" in server.get("/api/admin/webhooks").text)
        assert len(receiver.attempts) == 2
        config.write_text('hooks_allow = "127.0.0.1"\n')
        _reload(server, "reloaded: ", 4)
        wait_for(lambda: len(receiver.taken) == 3)
        assert receiver.seqs == [1, 2, 3]
        assert "a restart is needed" not in server.log.read_text()


def _reload(server: ServerProcess, words: str, times: int) -> None:
    server.send(signal.SIGHUP)
    wait_for(lambda: server.log.read_text().count(words) == times)


def _venues(server: ServerProcess) -> list[str]:
    return [venue["id"] for venue in server.get("/api/user/profile").json()["venues"]]
