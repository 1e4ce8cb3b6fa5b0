"""Requests to a server: bookings one by one at a pace, in lists, from many connections at once, and
reads.
"""

import http.client
import json
import selectors
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from processes import Server

TABLES, OPERATIONS, STATS, UPCOMING = (
    "/api/restaurant/reservations",
    "/api/operations",
    "/api/dashboard/stats",
    "/api/reservations/upcoming?withinMinutes=10080&venue=harbour-grill",
)


def table(number: int) -> dict[str, object]:
    """A reservation of a table, some day within the next month."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1 + number % 30)
    return {"customerName": "John Smith", "guests": 4, "date": start.isoformat(), "source": "Phone"}


class Caller:
    """One connection that is kept alive."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port)
        self._headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {server.token}",
        }

    def read(self, path: str) -> str:
        """Read the text that has come."""
        self._connection.request("GET", path)
        return self._connection.getresponse().read().decode()

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPResponse:
        """The answer, read; anything but success is an error. A body that is text is sent as it is,
        others as JSON.
        """
        return self._exchange(method, path, body, headers)[0]

    def fetch(self, path: str) -> bytes:
        """Return the body of a GET."""
        return self._exchange("GET", path)[1]

    def _exchange(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        self._connection.request(method, path, text, {**self._headers, **(headers or {})})
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return answer, content

    def post_lists(self, number: int, *, size: int = 100, venues: Sequence[str] = ()) -> float:
        """Bookings as operations, `size` a request, one request after the other; of the first
        venue, or of these in turns.

        Seconds from the first request, all texts being ready, to the last answer.
        """
        operations = [
            booking(turn, {"venue": venues[turn % len(venues)]} if venues else {})
            for turn in range(number)
        ]
        texts = [json.dumps(operations[first : first + size]) for first in range(0, number, size)]
        start = time.monotonic()
        for text in texts:
            self.call("POST", OPERATIONS, text)
        return time.monotonic() - start

    def post_paced(self, number: int, *, rate: float, path: str = TABLES) -> list[float]:
        """Bookings one by one, `rate` a second; the instants at which each was sent, its bytes
        being ready.
        """
        requests = [_post(self._server, json.dumps(table(turn)), path) for turn in range(number)]
        with socket.create_connection(("127.0.0.1", self._server.port)) as one:
            return pace(number, rate, lambda turn: _exchange(one, requests[turn]))

    def post_on_time(self, number: int, *, rate: float) -> list[float]:
        """Bookings `rate` a second, whatever is due in one list when the server is slower; the
        instants at which each was due.
        """
        start, posted = time.time(), 0
        while posted < number:
            time.sleep(max(0.0, start + posted / rate - time.time()))
            due = min(number, int((time.time() - start) * rate) + 1)
            self.call("POST", OPERATIONS, [booking(n) for n in range(posted, due)])
            posted = due
        return [start + turn / rate for turn in range(number)]


def booking(number: int, more: Mapping[str, object] | None = None) -> dict[str, object]:
    """The operation that books such a table."""
    return {
        "operationId": uuid4().hex,
        "op": "book",
        "kind": "restaurant",
        **table(number),
        **(more or {}),
    }


def pace(number: int, rate: float, act: Callable[[int], object]) -> list[float]:
    """Act so often, `rate` times a second; the instants of it."""
    start, acted = time.time(), []
    for turn in range(number):
        time.sleep(max(0.0, start + turn / rate - time.time()))
        acted.append(time.time())
        act(turn)
    return acted


def post_at_once(server: Server, number: int, *, connections: int) -> float:
    """Single bookings from many connections, each sending its next as soon as it has its answer.
    Bookings a second.
    """
    request, left, answered = _post(server, json.dumps(table(1)), TABLES), number, 0
    start = time.monotonic()
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            one = socket.create_connection(("127.0.0.1", server.port))
            selector.register(one, selectors.EVENT_READ)
            one.sendall(request)
            left -= 1
        while answered < number:
            for key, _ in selector.select(10):
                one = key.fileobj
                assert isinstance(one, socket.socket), "nothing else is registered"
                data = one.recv(65536)
                if not data or data.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")):
                    raise RuntimeError(f"a booking was refused: {data!r}")
                if not data.startswith(b"HTTP/1.1 "):
                    continue  # a body that came behind its head
                answered += 1
                if left:
                    one.sendall(request)
                    left -= 1
        took_s = time.monotonic() - start
        for key in list(selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket), "nothing else is registered"
            key.fileobj.close()
    return number / took_s


def _post(server: Server, body: str, path: str) -> bytes:
    """A request in one piece."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.token}\r\nContent-Type:"
        " application/json\r\n"
    )
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def _exchange(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    answer = http.client.HTTPResponse(connection, method="POST")
    answer.begin()
    content = answer.read()
    if answer.status >= 400:
        raise RuntimeError(f"a booking was refused: {answer.status} {content[:300]!r}")
