"""`rtdash simulate --as pms` against a real server, as typed for the first time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdash.cli.main import run
from rtdash.resources import data_path
from tests.server.running import RunningServer, start_server

SECRETS = "whsec_" + "A" * 43 + "=", "whsec_" + "B" * 43 + "="
MAP = data_path("fixtures", "imports", "simulated-pms.toml").read_text(encoding="utf-8")

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    running, thread = start_server(tmp_path / "data")
    yield running
    thread.stop()


@pytest.fixture
def command(server: RunningServer, tmp_path: Path) -> list[str]:
    """The command of the guide, with a secret in a file."""
    (tmp_path / "secret").write_text(SECRETS[0] + "\n")
    return [
        *("simulate", "--as", "pms", "--venue", "harbour-hotel", "--rate", "20/s"),
        *("--hook-secret", str(tmp_path / "secret"), "--duration", "2s", "--url", server.url),
    ]


def add_source(server: RunningServer, secret: str = SECRETS[0]) -> None:
    directory = server.app.state.services.settings.data / "hooks"
    directory.mkdir(exist_ok=True)
    (directory / "pms.toml").write_text(f'secret = "{secret}"\n{MAP}')


def test_what_is_missing_is_named(
    server: RunningServer, command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The source's file, then the secret in it; no hint about tokens, which this needs none of."""
    assert run(command) == 1
    err = capfd.readouterr().err
    assert "there is no such source of webhooks" in err
    assert "it needs hooks/pms.toml" in err
    add_source(server, SECRETS[1])
    assert run(command) == 4
    err = capfd.readouterr().err
    assert "check the secret on both sides" in err
    assert "--hook-secret must be the secret in hooks/pms.toml" in err
    assert "rtdash token" not in err
    assert "{" not in err, "no JSON is shown to a reader"


def test_events_with_their_states_are_taken(
    server: RunningServer, command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """And none is refused."""
    add_source(server)
    assert run(command) == 0
    err = capfd.readouterr().err
    assert "harbour-hotel:" in err
    assert "refused" not in err
    with server.client() as client:
        assert client.get("/api/hotel/bookings").json()["reservations"]


def test_thin_events_are_not_counted_as_applied(
    server: RunningServer, command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The server takes each and refuses its record: both sides say so, and with what to do."""
    add_source(server)
    assert run([*command, "--thin"]) == 0
    err = capfd.readouterr().err
    assert "0 operations applied" in err
    assert "refused, record:" in err
    assert "rtdash hooks says why" in err
    token = server.token(scopes=("admin",))
    assert run(["hooks", "--url", server.url, "--token", token]) == 0
    assert "an event that only names what has changed" in capfd.readouterr().out
    with server.client() as client:
        assert not client.get("/api/hotel/bookings").json()["reservations"]
