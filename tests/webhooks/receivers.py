"""A receiver of webhooks: a small real HTTP server that answers as a test says."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LIMIT_S = 60.0
"""How long a condition is waited for: on a busy machine all takes longer."""

Answer = Callable[["Delivered"], tuple[int, dict[str, str]]]


@dataclass(frozen=True)
class Delivered:
    """One POST that arrived, and the status that it was answered with."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        """The body, decoded."""
        decoded: dict[str, Any] = json.loads(self.body)
        return decoded

    @property
    def id(self) -> str:
        """Return the delivery's id, which is the same in every attempt."""
        return self.headers["webhook-id"]

    @property
    def seq(self) -> int:
        """Of the event."""
        seq: int = self.message["position"]["seq"]
        return seq

    def is_signed(self, secret: str) -> bool:
        """Whether the signature is right, computed here by the specification and by none of our
        functions.
        """
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        wanted = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        recent = abs(time.time() - int(self.headers["webhook-timestamp"])) < 300
        return recent and self.headers["webhook-signature"] == f"v1,{wanted}"


def fine(_: Delivered) -> tuple[int, dict[str, str]]:
    """200."""
    return 200, {}


@dataclass
class ReceiverServer:
    """`attempts` are all that arrived, `taken` those that were answered with 2xx."""

    answer: Answer = fine
    attempts: list[Delivered] = field(default_factory=list)
    taken: list[Delivered] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Return the receiver's address."""
        return f"http://127.0.0.1:{self.port}/in"

    @property
    def seqs(self) -> list[int]:
        """Of the events that were taken, in the order in which they were."""
        return [one.seq for one in self.taken]

    @contextmanager
    def running(self) -> Iterator["ReceiverServer"]:
        """Serve, on the same port as before."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    self.close_connection = True  # its sender was killed meanwhile
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                delivered = Delivered(self.path, headers, body)
                receiver.attempts.append(delivered)
                status, more = receiver.answer(delivered)
                if 200 <= status < 300:
                    receiver.taken.append(delivered)
                self.send_response(status)
                for name, value in {"Content-Length": "0", **more}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                """A sender that gave up is expected."""

        server = Server(("127.0.0.1", self.port), Handler)
        self.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join(30)


def wait_for(condition: Callable[[], Any], what: str = "") -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what or "it did not come about in time"
        time.sleep(0.02)


def in_order(seqs: list[int]) -> list[int]:
    """Return each seq at its first arrival; raises where one came before one that precedes it."""
    first = list(dict.fromkeys(seqs))
    assert first == sorted(first), f"out of order: {first}"
    return first
