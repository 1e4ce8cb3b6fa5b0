"""A POST whose body stops half-way: the server has begun to read it."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from tests.faults.process import ServerProcess

PATIENCE_S = 40
_BODY = json.dumps(
    {"customerName": "Ada Low", "guests": 4, "source": "phone", "date": "2031-05-01T19:00:00Z"}
).encode()
_HALF = len(_BODY) // 2


@dataclass(frozen=True, slots=True)
class HalfPost:
    """A booking of which half is sent, and read."""

    _peer: socket.socket
    _answers: BinaryIO

    def finish(self) -> None:
        """Send the other half."""
        self._peer.sendall(_BODY[_HALF:])

    def answer(self) -> bytes:
        """The first line of the answer: an empty one where the server has closed instead."""
        return self._answers.readline()


@contextmanager
def half_post(server: ServerProcess) -> Iterator[HalfPost]:
    """The server has answered 100 Continue (RFC 9110 section 10.1.1), so it reads."""
    fields = (
        f"Authorization: Bearer {server.token()}\r\nExpect: 100-continue\r\nContent-Length:"
        f" {len(_BODY)}\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as peer,
        peer.makefile("rb") as answers,
    ):
        peer.sendall(
            f"POST /api/restaurant/reservations HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode()
            + _BODY[:_HALF]
        )
        assert answers.readline() + answers.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
        yield HalfPost(peer, answers)
