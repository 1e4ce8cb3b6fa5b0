"""TLS by two flags, and commands that trust the certificate by SSL_CERT_FILE. Whole processes, on
both lanes.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.certificates import certificate

__all__ = ["certificate"]

PATIENCE_S = 40


@pytest.fixture(params=["fast", "asgi"])
def environment(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: tuple[Path, Path]
) -> Iterator[dict[str, str]]:
    """What commands need to reach a server that runs with TLS; it is ended behind the test."""
    with serving(
        tmp_path, certificate, RTDASH_LANE=request.param, RTDASH_HANDSHAKE_TIMEOUT_S="3"
    ) as ours:
        yield ours


@contextmanager
def serving(
    place: Path, certificate: tuple[Path, Path], **settings: str
) -> Iterator[dict[str, str]]:
    """A server with TLS, its data below `place`: what commands need to reach it."""
    ours = os.environ | {"RTDASH_DATA": str(place / "data")} | settings
    flags = ["--ssl-certfile", str(certificate[0]), "--ssl-keyfile", str(certificate[1])]
    server = subprocess.Popen(
        [sys.executable, "-m", "rtdash", "serve", "--port", "0", *flags],
        env=ours,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not (place / "data" / "address").exists():
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert (place / "data" / "address").read_text().startswith("https://127.0.0.1:")
        yield ours
    finally:
        server.terminate()
        assert server.wait(PATIENCE_S) == 0


def command(
    environment: dict[str, str], *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rtdash", *arguments],
        env=environment | more,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_commands_work_over_tls(
    environment: dict[str, str], certificate: tuple[Path, Path]
) -> None:
    """REST and socket reach the server when SSL_CERT_FILE names its certificate; without, 3 with
    the reason.
    """
    trusting = {"SSL_CERT_FILE": str(certificate[0])}
    watched = command(environment, "watch", "restaurant_stats", "--json", "--once", **trusting)
    assert watched.returncode == 0, watched.stderr
    assert "stats_update" in {json.loads(line)["type"] for line in watched.stdout.splitlines()}
    made = command(
        environment, "simulate", "--rate", "5/s", "--duration", "1s", "--seed", "1", **trusting
    )
    assert made.returncode == 0, made.stderr
    assert command(environment, "token", "revoke", "--user", "nobody", **trusting).returncode == 0
    for distrusting in (
        ["token", "revoke", "--user", "nobody"],
        ["watch", "restaurant_stats", "--once"],
        ["simulate", "--duration", "1s"],
    ):
        refused = command(environment, *distrusting, SSL_CERT_FILE="")
        assert refused.returncode == 3
        assert "SSL_CERT_FILE=FILE" in refused.stderr
    assert "is not trusted" in command(environment, "doctor", SSL_CERT_FILE="").stdout


@pytest.mark.parametrize(
    "sent", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "half a hello"]
)
def test_a_handshake_that_never_ends_holds_no_socket(
    environment: dict[str, str], sent: bytes
) -> None:
    """A TLS handshake has handshake_timeout, as what comes after it; the loop's own bound would be
    a minute.
    """
    url = urlsplit((Path(environment["RTDASH_DATA"]) / "address").read_text())
    with socket.create_connection((url.hostname, url.port), timeout=PATIENCE_S) as peer:
        peer.sendall(sent)
        with suppress(ConnectionResetError):
            assert peer.recv(1) == b""


def test_without_a_limit_handshakes_end_all_the_same(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    """handshake_timeout 0 means no limit: the server starts, and clients that make a handshake are
    served.
    """
    with serving(tmp_path, certificate, RTDASH_HANDSHAKE_TIMEOUT_S="0") as environment:
        revoked = command(
            environment, "token", "revoke", "--user", "nobody", SSL_CERT_FILE=str(certificate[0])
        )
        assert revoked.returncode == 0, revoked.stderr


@pytest.mark.parametrize("broken", ["certificate", "key"])
def test_what_is_no_certificate_is_refused_in_words(
    tmp_path: Path, certificate: tuple[Path, Path], broken: str
) -> None:
    """At the start, with exit code 2."""
    (tmp_path / "broken.pem").write_text("-----BEGIN NOTHING-----\n")
    chosen = [
        str(tmp_path / "broken.pem") if broken == name else str(path)
        for name, path in zip(("certificate", "key"), certificate, strict=True)
    ]
    ended = command(
        dict(os.environ),
        "serve",
        "--port",
        "0",
        "--ssl-certfile",
        chosen[0],
        "--ssl-keyfile",
        chosen[1],
    )
    assert ended.returncode == 2
    assert "certificate chain" in ended.stderr
    assert "Traceback" not in ended.stderr
