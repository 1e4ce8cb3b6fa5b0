"""Ends that only a whole process shows: a shutdown that is held up, and silent peers where uvicorn
itself sends the pings.
"""

import asyncio
import signal
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from websockets.frames import Opcode

from tests.faults.half_post import half_post
from tests.faults.observers import until
from tests.faults.process import server_process
from tests.faults.taps import Tap, frame
from tests.server.raw_client import RawClient
from tests.server.sockets import LANES

SHUTDOWN_TIMEOUT_S = 3
SLACK_S = 10
"""A busy machine may take so long to hear of the signal and to reap the process."""

STALLED = 20


@pytest.mark.parametrize("lane", LANES)
def test_nobody_holds_up_a_shutdown(tmp_path: Path, lane: str) -> None:
    """Clients that don't read, requests that never end, sockets that say nothing: the process is
    gone within shutdown_timeout.
    """
    limits = {
        "drain_window_s": 0.3,
        "shutdown_timeout_s": SHUTDOWN_TIMEOUT_S,
        "connections_per_user": 0,
        "lane": lane,
    }
    with server_process(
        tmp_path / "data", may_log_faults=True, **limits
    ) as server:  # requests that are cut off are in the log

        async def hold_up() -> None:
            taps = [
                await Tap.open(server.port, server.token(), reads=number % 2 == 0)
                for number in range(STALLED)
            ]
            ends = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
            head = (
                "POST /api/operations HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer"
                f" {server.token()}\r\nContent-Length: 1000\r\n\r\n["
            )
            ends[1].sendall(head.encode())
            ends[2].sendall(b"GET /ws HTTP/1.1\r\n")
            began = time.monotonic()
            code = await asyncio.to_thread(server.end, signal.SIGTERM)
            took_s = time.monotonic() - began
            for end in ends:
                end.close()
            for tap in taps:
                tap.abort()
            assert took_s < SHUTDOWN_TIMEOUT_S + SLACK_S
            assert code in {0, 1}

        asyncio.run(hold_up())


def test_a_store_that_hangs_holds_up_no_shutdown(tmp_path: Path) -> None:
    """A write waits for another process that holds SQLite's file, five seconds and more; the
    process ends with 1 before.
    """
    limits = {"drain_window_s": 0.2, "shutdown_timeout_s": 1}
    data = tmp_path / "data"
    with (
        server_process(data, may_log_faults=True, **limits) as server,
        half_post(server) as post,
        closing(sqlite3.connect(data / "rtdash.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        post.finish()
        for _ in range(2):
            server.get("/healthz")  # what came before it has been read, and waits for the store
        server.send(signal.SIGTERM)
        assert server.wait() == 1


def test_the_plain_lane_frees_silent_peers(tmp_path: Path) -> None:
    """ASGI has no pings: the server below sends its own, closes with 1011, and the connection
    leaves the counts.
    """
    with server_process(
        tmp_path / "data", lane="asgi", ping_interval_s=0.5, pong_timeout_s=0.5
    ) as server:

        async def be_silent() -> None:
            url = f"ws://127.0.0.1:{server.port}/ws?token={server.token()}"
            async with RawClient.connect(url) as client:
                client.say(action="subscribe", channels=["restaurant_reservations"])
                await client.end()
                assert client.protocol.close_rcvd is not None
                assert client.protocol.close_rcvd.code == 1011
                await until(lambda: server.metric("rtdash_subscriptions") == 0, patience_s=30)
                await until(lambda: server.metric("rtdash_connections") == 0, patience_s=30)

        asyncio.run(be_silent())


@pytest.mark.parametrize("lane", LANES)
def test_zero_is_no_time_limit(tmp_path: Path, lane: str) -> None:
    """A peer that never answers a ping is not given up, and a drain is not cut off."""
    timeouts = dict.fromkeys(("pong_timeout_s", "handshake_timeout_s", "shutdown_timeout_s"), 0)
    with server_process(
        tmp_path / "data", lane=lane, ping_interval_s=0.2, drain_window_s=0.3, **timeouts
    ) as server:

        async def be_silent() -> None:
            async with RawClient.connect(
                f"ws://127.0.0.1:{server.port}/ws?token={server.token()}"
            ) as client:
                client.say(action="subscribe", channels=["restaurant_reservations"])
                await client.message()
                for _ in range(3):
                    await client.frame(Opcode.PING)
                client.say(action="ping", id="still here")
                assert (await client.message()).get("id") == "still here"
                ending = asyncio.to_thread(server.end, signal.SIGTERM)
                assert (await asyncio.gather(ending, client.end()))[0] == 0

        asyncio.run(be_silent())


def test_zero_waits_for_requests_that_still_come(tmp_path: Path) -> None:
    """A booking whose other half comes long behind the drain is answered before the process
    ends.
    """
    with (
        server_process(tmp_path / "data", drain_window_s=0.3, shutdown_timeout_s=0) as server,
        half_post(server) as post,
    ):
        server.send(signal.SIGTERM)
        time.sleep(3)  # three times of what requests get at least where there is a limit
        post.finish()
        assert post.answer() == b"HTTP/1.1 201 Created\r\n"
        assert server.wait() == 0


def test_a_stopped_server_is_not_everybodys_fault(tmp_path: Path) -> None:
    """A process that stood still takes no peer for dead: those that answered in the meantime are
    still there when it goes on.
    """
    with server_process(
        tmp_path / "data", ping_interval_s=1.5, pong_timeout_s=1.5, connections_per_user=0
    ) as server:

        async def wait_for_it() -> None:
            url = f"ws://127.0.0.1:{server.port}/ws?token={server.token()}"
            async with RawClient.connect(url) as client:
                client.say(action="subscribe", channels=["restaurant_reservations"])
                await client.message()
                server.send(signal.SIGSTOP)
                await asyncio.sleep(5)
                client.writer.write(frame(b'{"action":"ping","id":"still here"}'))
                server.send(signal.SIGCONT)
                assert (await client.message()).get("id") == "still here"

        asyncio.run(wait_for_it())
