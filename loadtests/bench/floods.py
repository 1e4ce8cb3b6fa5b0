"""Floods of issue reports, as a program of its own: pipelined requests, heads of tiny fields, withheld
bodies, long lists without rights, constant documents. Bounded in connections and in time.

python loadtests/bench/floods.py PORT SECONDS ADDRESSES TOKEN: each kind comes once in ROUND_S, from
an address of its own (127.0.0.2 and on) or, with ADDRESSES 1, all from 127.0.0.1. Prints one JSON
object: what was tried of each kind.
"""

import json
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

ROUND_S = 10.0
HELD_S = 5.0
"""Seconds for which a connection that waits is kept."""
PATIENCE_S = 5.0
DOCUMENTS = ("/docs", "/openapi.json", "/asyncapi.json")
LIST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Flood:
    """Target of a flood, and the token of a user without any right. `share` of the connections."""

    port: int
    token: str
    until: float
    share: float = 1.0
    tried: Counter[str] = field(default_factory=Counter)

    def post(self, length: int) -> bytes:
        """Head of a list of so many bytes."""
        return (
            "POST /api/operations HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {length}\r\n\r\n"
        ).encode()

    def some(self, number: int) -> int:
        """So many, or the share of them."""
        return max(1, int(number * self.share))

    def dial(self, kind: str, source: str, *, buffer: int | None = None) -> socket.socket:
        """A connection of that kind, counted. Raises OSError."""
        self.tried[kind] += 1
        one = socket.socket()
        if buffer is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        one.settimeout(PATIENCE_S)
        one.bind((source, 0))
        one.connect(("127.0.0.1", self.port))
        return one


def pipelining(flood: Flood, source: str) -> None:
    """100 connections with 64 KB of requests behind answers that are not read."""
    slow = b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n" * 4
    tiny = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    sent = slow + tiny * ((65_000 - len(slow)) // len(tiny))
    _hold(flood, "pipelining", source, [sent] * flood.some(100), buffer=2_048)


def heads(flood: Flood, source: str) -> None:
    """200 heads without an end: half of them of 16,000 fields, half within the bound of fields."""
    tiny = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 16_000
    long = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(
        b"x%d: %s\r\n" % (number, b"y" * 480) for number in range(120)
    )
    _hold(flood, "heads", source, [tiny, long] * flood.some(100))


def bodies(flood: Flood, source: str) -> None:
    """80 lists of 8 MiB without their last byte."""
    sent = flood.post(LIST_BYTES) + b" " * (LIST_BYTES - 1)
    _hold(flood, "bodies", source, [sent] * flood.some(80))


def lists(flood: Flood, source: str) -> None:
    """Six lists of four million operations each."""
    for _ in range(flood.some(6)):
        with suppress(OSError), flood.dial("lists", source) as one:
            one.sendall(flood.post(LIST_BYTES) + b"1\n" * (LIST_BYTES // 2))
            while one.recv(65_536):
                pass


def documents(flood: Flood, source: str) -> None:
    """60 requests of each constant document, read as fast as they come."""
    for path in DOCUMENTS:
        with suppress(OSError), flood.dial("documents", source) as one:
            for _ in range(flood.some(60)):
                one.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                _read_answer(one)


KINDS: tuple[Callable[[Flood, str], None], ...] = (pipelining, heads, bodies, lists, documents)


def _hold(
    flood: Flood, kind: str, source: str, sent: list[bytes], *, buffer: int | None = None
) -> None:
    """Send each on a connection of its own, and keep all of them open for a while."""
    with ExitStack() as held:
        for piece in sent:
            with suppress(OSError):
                one = held.enter_context(flood.dial(kind, source, buffer=buffer))
                one.sendall(piece)
        time.sleep(max(0.0, min(HELD_S, flood.until - time.monotonic())))


def _read_answer(one: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = one.recv(65_536)
        if not piece:
            raise ConnectionResetError
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"
    )
    while len(body) < length:
        body += one.recv(65_536)


def _rounds(until: float) -> Iterator[None]:
    while (start := time.monotonic()) < until:
        yield
        time.sleep(max(0.0, min(start + ROUND_S, until) - time.monotonic()))


def main() -> None:
    """Flood until the time is over."""
    port, seconds, addresses, token = sys.argv[1:]
    os.nice(19)  # in truth another machine's processor: the server's share must not suffer
    flood = Flood(int(port), token, time.monotonic() + float(seconds))

    def work(act: Callable[[Flood, str], None], number: int) -> None:
        source = f"127.0.0.{2 + number}" if int(addresses) > 1 else "127.0.0.1"
        for _ in _rounds(flood.until):
            act(flood, source)

    threads = [
        threading.Thread(target=work, args=(act, number)) for number, act in enumerate(KINDS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(flood.tried))


if __name__ == "__main__":
    main()
