"""What must never be seen: tokens, secrets and passwords, in whatever a server says or shows of
itself.
"""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from rtdash.cli.main import run
from rtdash.server.auth.tokens import DEFAULT_SCOPES, mint

SECRET = "the-secret-of-this-test-is-long-enough-0123456789"
PASSWORD = "hunter2-hunter2"
PATIENCE_S = 30


@contextmanager
def running(data: Path, **settings: str) -> Iterator[tuple[str, int, Path]]:
    """`rtdash serve` with everything logged: its URL, its process, and the file with all that it
    said.
    """
    said = data.with_name("said.log")
    environment = os.environ | {
        "RTDASH_DATA": str(data),
        "RTDASH_SECRET": SECRET,
        "RTDASH_LOG_LEVEL": "debug",
    }
    environment |= {f"RTDASH_{name.upper()}": value for name, value in settings.items()}
    with said.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "rtdash", "serve", "--port", "0"],
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not (data / "address").exists():
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield (data / "address").read_text().strip(), process.pid, said
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(("lane", "log"), [("fast", "json"), ("asgi", "text")])
def test_a_server_never_shows_a_secret(tmp_path: Path, lane: str, log: str) -> None:
    """Tokens good and bad, sent in every way and place: none is in its output, its command line or
    its answers' error texts.
    """
    good = mint(SECRET, user="ann", scopes=(*DEFAULT_SCOPES, "admin"))
    bad = mint("another-secret-another-secret-another-secret", user="ann")
    old = mint(SECRET, user="ann", ttl=timedelta(seconds=-60))
    keys = f"http://me:{PASSWORD}@127.0.0.1:{closed_port()}/keys?token={PASSWORD}"
    with running(tmp_path / "data", lane=lane, log=log, jwks_url=keys, metrics_token=PASSWORD) as (
        url,
        pid,
        said,
    ):
        command_line = Path(f"/proc/{pid}/cmdline").read_text()
        answers = [text for token in (good, bad, old, "opaque-token") for text in ask(url, token)]
        answers += asyncio.run(talk(url.replace("http", "ws") + "/ws", good, bad, old))
        knock(url, good)
        httpx2.post(
            url + "/api/admin/revocations",
            json={"sub": "bob"},
            headers={"Authorization": f"Bearer {good}"},
            trust_env=False,
        )
    told = said.read_text()
    assert "refused: " in told
    assert "revoked" in told
    assert not any(word in told for word in ('"level": "error"', " ERROR ", "Traceback")), (
        told
    )  # it does not complain by itself
    session = next(
        text.split('"session":"')[1].split('"')[0]
        for text in answers
        if '"status":"subscribed"' in text
    )
    for secret in (
        *(part for token in (good, bad, old) for part in token.split(".")[1:]),
        "opaque-token",
        SECRET,
        PASSWORD,
        session,
    ):
        assert secret not in told + command_line, told[max(0, told.find(secret) - 300) :][:600]
    for secret in (good, bad, old, SECRET, PASSWORD):
        assert not any(secret in text for text in answers)


def ask(url: str, token: str) -> list[str]:
    """By REST: in its header, in places where it doesn't belong; the texts of the answers."""
    with httpx2.Client(
        base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False
    ) as client:
        return [
            client.get("/api/user/profile").text,
            client.get("/api/user/profile", params={"token": token}).text,
            client.get(
                "/api/dashboard/stats",
                params={"venue": "nowhere", "token": token},
                headers={"Authorization": f"Basic {token}"},
            ).text,
            client.post("/api/operations", content=b"{", headers={"Idempotency-Key": "x"}).text,
            client.post(f"/api/nothing?token={token}").text,
            client.get("/metrics").text,
        ]


async def talk(url: str, good: str, bad: str, old: str) -> list[str]:
    """By the socket, in all three ways, to a wrong path too; what was answered."""
    heard = []
    for token in (good, bad, old):
        for address, options in (
            (f"{url}?token={token}", {}),
            (url, {"additional_headers": {"Authorization": f"Bearer {token}"}}),
            (url, {"subprotocols": ["rtdash.v1", f"bearer.{token}"]}),
            (f"{url}/nothing?token={token}", {}),
            (f"{url}?token={token}", {"origin": "https://evil.example"}),
            (f"{url}?token={token}&session={quote(token)}", {}),
        ):
            with suppress(WebSocketException):
                async with connect(address, proxy=None, **options) as websocket:
                    await websocket.send('{"action":"subscribe","channels":["hotel_reservations"]}')
                    heard.append(str(await websocket.recv()))
                    await websocket.send(f'{{"action":"authenticate","token":"{bad}"}}')
                    heard.append(str(await websocket.recv()))
                    await websocket.send(f'{{"action":"{bad}","token":"{bad}"')
    return heard


def knock(url: str, token: str) -> None:
    """What is no HTTP, with the token in it."""
    address = httpx2.URL(url)
    for sent in (
        f"GET /ws?token={token} HTTP/9.9\r\n\r\n",
        f"GET /ws?token={token} HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ):
        with socket.create_connection(
            (address.host, address.port or 80), timeout=PATIENCE_S
        ) as peer:
            peer.sendall(sent.encode())
            with suppress(OSError):
                peer.recv(4096)


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("RTDASH_DATABASE", "postgresql://rtdash:{password}@127.0.0.1:{port}/rtdash"),
        ("RTDASH_DATABASE", "mystery://rtdash:{password}@127.0.0.1/rtdash"),
        ("RTDASH_BROKER", "redis://rtdash:{password}@127.0.0.1:{port}/0"),
        ("RTDASH_BROKER", "amqp://rtdash:{password}@127.0.0.1:{port}/"),
        ("RTDASH_BROKER", "mystery://rtdash:{password}@127.0.0.1/"),
    ],
)
def test_a_server_that_cant_start_never_shows_a_password(
    tmp_path: Path, variable: str, url: str
) -> None:
    """The message says what is wrong; the password of the URL is not in it."""
    environment = os.environ | {"RTDASH_DATA": str(tmp_path), "RTDASH_LOG_LEVEL": "debug"}
    environment[variable] = url.format(password=PASSWORD, port=closed_port())
    ended = subprocess.run(
        [sys.executable, "-m", "rtdash", "serve", "--port", "0"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 1, ended
    assert ended.stderr.startswith("rtdash: "), ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr


def test_config_shows_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a setting that holds one, only is said that it is set."""
    values: Mapping[str, str] = {
        "SECRET": SECRET,
        "METRICS_TOKEN": PASSWORD,
        "DATABASE": f"postgresql://u:{PASSWORD}@h/d",
        "BROKER": f"redis://:{PASSWORD}@h",
        "JWKS_URL": f"https://u:{PASSWORD}@h/keys?token={PASSWORD}",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"RTDASH_{name}", value)
    assert run(["config"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("environment RTDASH_") >= len(values)
    assert SECRET not in shown
    assert PASSWORD not in shown
