"""A POST whose body stops half-way: the server has begun to read it."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.faults.process import ServerProcess

PATIENCE_S = 40
_BODY = json.dumps({"customerName": "Ada Low", "guests": 4, "source": "phone", "date": "2031-05-01T19:00:00Z"}).encode()
_HALF = len(_BODY) // 2


@contextmanager
def half_post(server: ServerProcess) -> Iterator[Callable[[], bytes]]:
    """A booking of which half is sent, and read: the server has told it to continue (RFC 9110 section 10.1.1).

    What is given sends the other half, and returns the answer's first line: an empty one where the server has closed instead.
    """
    fields = f"Authorization: Bearer {server.token()}\r\nExpect: 100-continue\r\nContent-Length: {len(_BODY)}\r\n"
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as peer, peer.makefile("rb") as answers:
        peer.sendall(f"POST /api/restaurant/reservations HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode() + _BODY[:_HALF])
        assert answers.readline() + answers.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"

        def finish() -> bytes:
            peer.sendall(_BODY[_HALF:])
            return answers.readline()

        yield finish
