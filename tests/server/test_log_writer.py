"""Lines of the log where nothing reads them: the server goes on, and the log says what is missing."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from rtdash.server.log_writer import LogWriter


@pytest.fixture
def pipe():
    """Both ends of a pipe: the reading one, the writing one."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("rtdash", logging.INFO, "", 0, text, None, None)


def read_until(reader: int, text: bytes) -> bytes:
    """What comes out of the pipe until that text does."""
    found = b""
    while text not in found:
        found += os.read(reader, 65_536)
    return found


def test_lines_come_in_order(pipe: tuple[int, int]):
    """Each is written, and `flush` returns after the last one."""
    reader, writing_end = pipe
    writer = LogWriter(writing_end)
    for number in range(100):
        writer.emit(record(f"line {number}"))
    writer.flush()
    assert os.read(reader, 65_536).decode().splitlines() == [f"line {one}" for one in range(100)]


def test_a_pipe_that_nothing_reads_blocks_no_one(pipe: tuple[int, int]):
    """Lines beyond the bound are left out; when the reader comes back, the log says how many."""
    reader, writing_end = pipe
    writer = LogWriter(writing_end, waiting_lines=10)
    for _ in range(1_000):
        writer.emit(record("x" * 1_000))
    dropped = writer.dropped
    assert dropped > 800
    assert b"lines of the log were left out here" in read_until(reader, b"left out here\n")
    assert writer.dropped == dropped


def test_the_number_of_a_closed_stream_is_not_written_to(tmp_path: Path):
    """The next file that is opened gets it: a database, say."""
    descriptor = os.open(tmp_path / "stderr", os.O_WRONLY | os.O_CREAT)
    writer = LogWriter(descriptor)
    os.close(descriptor)
    with (tmp_path / "database").open("wb") as database:
        assert database.fileno() == descriptor
        writer.emit(record("a line"))
        writer.flush()
    assert (tmp_path / "database").read_bytes() == b""
    assert (tmp_path / "stderr").read_text() == "a line\n"


def test_a_non_blocking_descriptor_loses_no_line(pipe: tuple[int, int]):
    """A program that shares the terminal may have made it so."""
    reader, writing_end = pipe
    os.set_blocking(writing_end, False)
    writer = LogWriter(writing_end)
    for number in range(200):
        writer.emit(record(f"{number} " + "y" * 1_000))
    assert read_until(reader, b"\n199 ").count(b"yyyy\n") >= 199


def test_a_server_answers_while_its_log_is_stuck(tmp_path: Path):
    """The server's stderr is a full pipe, as under a supervisor that hangs; it ends with 0 all the
    same.
    """
    serve = [sys.executable, "-m", "rtdash", "serve", "--port", "0", "--data", str(tmp_path)]
    process = subprocess.Popen(
        serve, stderr=subprocess.PIPE, env={**os.environ, "RTDASH_LOG_LEVEL": "debug"}
    )
    try:
        url = _wait_for_address(tmp_path / "address", process)
        host, port = url.removeprefix("http://").split(":")
        for _ in range(8):
            _shake_hands(host, int(port), "/" + "p" * 30_000)
        assert httpx2.get(f"{url}/healthz", trust_env=False, timeout=30).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def _wait_for_address(address: Path, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + 60
    while not (address.exists() and address.read_text().strip()):
        assert process.poll() is None, "the server did not start"
        assert time.monotonic() < deadline, "the server was not ready in time"
        time.sleep(0.05)
    return address.read_text().strip()


def _shake_hands(host: str, port: int, path: str) -> None:
    """A handshake for a path that is none: one long line of the log."""
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection((host, port), timeout=30) as peer:
        peer.sendall(head.encode())
        assert peer.recv(12) == b"HTTP/1.1 404"
