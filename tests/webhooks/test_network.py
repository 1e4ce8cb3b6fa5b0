"""Connections of webhooks: checked where they are made, to the address that was checked."""

import shutil
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import httpcore2
import pytest

from rtdash.protocol.webhook_addresses import AllowedAddresses
from rtdash.webhooks.attempts import Attempt, Result
from rtdash.webhooks.network import AddressRefused, CheckedBackend, NameUnknown, Resolver
from rtdash.webhooks.receiver import MAX_RETRY_AFTER_S, Receiver
from tests.certificates import certificate
from tests.webhooks.receivers import ReceiverServer

__all__ = ["certificate"]

SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
NOTHING = AllowedAddresses()
HERE = AllowedAddresses.parse("127.0.0.0/8")
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Names:
    """A name server whose answers are given one after the other, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked = 0
        self._answers = answers

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        answer = self._answers[min(self.asked, len(self._answers)) - 1]
        if not answer:
            raise NameUnknown(f"the name {host} has no address")
        return answer


def receiver(
    url: str,
    allowed: AllowedAddresses = HERE,
    *,
    names: Names | None = None,
    tls: ssl.SSLContext | None = None,
    timeout_s: float = 30,
) -> Receiver:
    backend = CheckedBackend(allowed, is_tls=url.startswith("https"), look_up=names)
    return Receiver(
        url,
        SECRET,
        backend=backend,
        tls=tls,
        clock=lambda: datetime.now(UTC),
        timeout_s=timeout_s,
    )


async def attempt(made: Receiver) -> Attempt:
    try:
        return await made.post("id", b"{}")
    finally:
        await made.close()


async def permitted(host: str, *answer: str, allowed: AllowedAddresses = NOTHING) -> list[str]:
    return await CheckedBackend(allowed, is_tls=True, look_up=Names(answer)).permitted(host, 443)


async def test_a_name_of_the_inside_is_refused() -> None:
    """The refusal says what the address is, and names the setting that allows it; of several
    addresses only public ones are used.
    """
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.1 is the server itself.*ALLOW=evil"):
        await permitted("evil.example", "127.0.0.1")
    with pytest.raises(AddressRefused, match="link-local"):
        await permitted("169.254.169.254")
    assert await permitted("mixed.example", "10.0.0.1", "8.8.8.8", "::1") == ["8.8.8.8"]
    by_name = AllowedAddresses.parse("evil.example")
    assert await permitted("evil.example", "10.0.0.1", allowed=by_name) == ["10.0.0.1"]
    with pytest.raises(AddressRefused, match="needs https"):
        await CheckedBackend(NOTHING, is_tls=False).permitted("8.8.8.8", 80)


async def test_a_name_that_is_bound_anew_reaches_nothing() -> None:
    """DNS rebinding: a public address when the webhook was added, this machine when it is connected
    to. The name is looked up once a connection, and never by anything behind the check.
    """
    with ReceiverServer().running() as inside:
        names = Names(["8.8.8.8"], ["127.0.0.1"])
        backend = CheckedBackend(NOTHING, is_tls=True, look_up=names)
        assert await backend.permitted("rebind.example", inside.port) == ["8.8.8.8"]
        url = f"https://rebind.example:{inside.port}/in"
        made = receiver(url, NOTHING, names=names)
        failed = await attempt(made)
        assert failed.result is Result.FAILED
        assert "the server itself" in failed.failure
        assert names.asked == 2
        assert not inside.attempts


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "127.1", "localhost", "0", "017700000001"]
)
async def test_odd_spellings_of_this_machine_are_seen_through(host: str) -> None:
    """By the system's own lookup, which takes them: the address is judged, not the text."""
    with ReceiverServer().running() as inside:
        failed = await attempt(receiver(f"https://{host}:{inside.port}/in", NOTHING))
        assert failed.result is Result.FAILED
        assert "the server itself" in failed.failure or "has no address" in failed.failure
        assert not inside.attempts


async def test_the_next_address_is_tried() -> None:
    """Where a name has several and the first is dead (dual stack)."""
    with ReceiverServer().running() as inside:
        names = Names(["127.0.0.9", "127.0.0.1"])
        made = receiver(f"http://two.example:{inside.port}/in", names=names)
        assert (await attempt(made)).result is Result.DELIVERED
        assert inside.attempts[0].headers["host"] == f"two.example:{inside.port}"


async def test_an_unknown_name_is_a_failure() -> None:
    """Also by the system's resolver."""
    failed = await attempt(receiver("http://gone.example/", names=Names([])))
    assert failed.failure == "the name gone.example has no address"
    with pytest.raises(NameUnknown):
        await Resolver()("a" * 64 + ".invalid", 80)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies would look the name up by themselves."""
    with ReceiverServer().running() as proxy, ReceiverServer().running() as inside:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await attempt(receiver(inside.url))).result is Result.DELIVERED
        assert not proxy.attempts


async def test_certificates_are_verified(certificate: tuple[Path, Path]) -> None:
    """A receiver whose certificate is not trusted gets nothing; one that is trusted does."""
    with tls_receiver(certificate) as (inside, url):
        failed = await attempt(receiver(url, tls=httpcore2.default_ssl_context()))
        assert "can't be verified" in failed.failure
        assert not inside.attempts
        trusting = ssl.create_default_context(cafile=str(certificate[0]))
        assert (await attempt(receiver(url, tls=trusting))).result is Result.DELIVERED


async def test_certificates_are_read_once_they_can_be(
    certificate: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then each attempt says what is wrong; afterwards they are kept, for the connections
    that follow.
    """
    trusted = tmp_path / "trusted.pem"
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with tls_receiver(certificate) as (_, url):
        made = receiver(url)
        failed = await made.post("id", b"{}")
        assert "mend or unset its SSL_CERT_FILE" in failed.failure
        shutil.copy(certificate[0], trusted)
        assert (await made.post("id", b"{}")).result is Result.DELIVERED
        trusted.unlink()
        for _ in range(3):
            assert (await made.post("id", b"{}")).result is Result.DELIVERED
        await made.close()


async def test_a_receiver_without_tls_is_said() -> None:
    """An https address of a port that speaks plain HTTP."""
    with ReceiverServer().running() as inside:
        url = inside.url.replace("http:", "https:")
        failed = await attempt(receiver(url, tls=httpcore2.default_ssl_context()))
        assert "speaks no TLS" in failed.failure


async def test_answers_are_bounded() -> None:
    """In bytes and in time: an endless body and one that drips are cut off."""

    class Endless(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200 if self.path == "/fast" else 500)
            self.end_headers()
            while True:
                self.wfile.write(b"x" * (65_536 if self.path == "/fast" else 1))
                if self.path == "/drip":
                    released.wait(0.05)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    released = Event()
    with serving(Endless) as port:
        assert (await attempt(receiver(f"http://127.0.0.1:{port}/fast"))).result is Result.DELIVERED
        failed = await attempt(receiver(f"http://127.0.0.1:{port}/drip", timeout_s=0.5))
        assert "no answer within 0.5 s" in failed.failure


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("7", 7), ("0", 0), ("99999999999999999999", MAX_RETRY_AFTER_S), ("-1", 0), ("soon", 0),
        ("", 0), ("1.5", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_S),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0), ("Mon, 99 Jan 2001 00:00:00 GMT", 0),
    ],
)  # fmt: skip
async def test_retry_after(header: str, wait_s: float) -> None:
    """Seconds or a date, within a bound; what is neither counts as none."""
    with ReceiverServer(answer=lambda _: (503, {"Retry-After": header})).running() as inside:
        failed = await attempt(receiver(inside.url))
        assert (failed.result, failed.retry_after_s) == (Result.FAILED, wait_s)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200\r\nContent-Le"])
async def test_answers_that_are_no_http_are_failures(answer: bytes) -> None:
    """And one that breaks off."""

    class Odd(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.wfile.write(answer)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with serving(Odd) as port:
        failed = await attempt(receiver(f"http://127.0.0.1:{port}/"))
        assert failed.result is Result.FAILED
        assert "broke before an answer" in failed.failure


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """A server on this machine, its port; one that is cut off says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A sender that gave up is expected."""

    server = Server(("127.0.0.1", 0), handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)


@contextmanager
def tls_receiver(certificate: tuple[Path, Path]) -> Iterator[tuple[ReceiverServer, str]]:
    """A receiver behind TLS, and its URL."""
    inside = ReceiverServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            inside.attempts.append(None)  # type: ignore[arg-type]
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with serving(Handler, context) as port:
        yield inside, f"https://127.0.0.1:{port}/in"
