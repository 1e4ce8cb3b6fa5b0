"""`rtdash serve --workers 2`: one port, two processes, one end."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rtdash.cli.workers import KILL_GRACE_S
from tests.cli.starting import PATIENCE_S, Terminal, farewells, following, serve, wait_for
from tests.faults.half_post import half_post
from tests.faults.process import ServerProcess, server_process
from tests.programs import free_port
from tests.servers import TestServer
from tests.stores import new_database


@pytest.fixture
def options(postgres_server: TestServer, redis_server: TestServer) -> Iterator[dict[str, object]]:
    with new_database(postgres_server.url) as database:
        yield {
            "database": database,
            "broker": redis_server.url,
            "workers": 2,
            "drain_window_s": 0.2,
        }


def workers(server: ServerProcess) -> list[psutil.Process]:
    """Children of a process that serve, not the interpreter's resource tracker."""
    processes = []
    for child in psutil.Process(server.pid).children():
        with suppress(psutil.NoSuchProcess):  # a zombie counts as none
            if "resource_tracker" not in " ".join(child.cmdline()):
                processes.append(child)
    return processes


def test_a_parent_that_ignores_the_end_of_its_children(
    tmp_path: Path, options: dict[str, object]
) -> None:
    """SIGCHLD that was ignored stays so over exec, and the kernel then forgets how a child ended:
    a dead worker must be seen all the same, and the end be one.
    """

    def ignore() -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    with server_process(tmp_path / "data", in_child=ignore, **options) as server:
        first = {worker.pid for worker in workers(server)}
        os.kill(min(first), signal.SIGKILL)
        wait_for(lambda: len({worker.pid for worker in workers(server)} - first) == 1)
        assert server.end(signal.SIGTERM) == 0


def test_two_workers_share_a_port_and_a_dead_one_is_replaced(
    tmp_path: Path, options: dict[str, object]
) -> None:
    """Both answer; one that is killed has a successor; SIGTERM ends all, with exit code 0."""
    with server_process(tmp_path / "data", **options) as server:
        processes = workers(server)
        assert len(processes) == 2
        with ExitStack() as callers:
            for _ in range(60):
                callers.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            wait_for(
                lambda: all(
                    _connections(worker, psutil.CONN_ESTABLISHED, server.port)
                    for worker in processes
                )
            )
        processes[0].kill()
        wait_for(
            lambda: (
                len(workers(server)) == 2
                and processes[0].pid not in {one.pid for one in workers(server)}
            )
        )
        wait_for(lambda: _has_listeners(server, 2))
        assert server.get("/api/dashboard/stats").status_code == 200
        processes = workers(server)
        assert server.end(signal.SIGTERM) == 0
        assert not any(one.is_running() for one in processes)


def test_whoever_is_asked_for_metrics_has_those_of_all(
    tmp_path: Path, options: dict[str, object]
) -> None:
    """Each with its worker's number, which the successor of a dead one takes over; what is left
    over at the end is nothing.
    """
    with server_process(tmp_path / "data", **options) as server, following(server, 8):
        assert [_open_sockets(server).keys() for _ in range(6)] == [{"0", "1"}] * 6
        wait_for(lambda: sum(_open_sockets(server).values()) == 8)
        dead = next(
            one
            for one in workers(server)
            if _connections(one, psutil.CONN_ESTABLISHED, server.port)
        )
        dead.kill()
        dead.wait(
            PATIENCE_S
        )  # while it dies, the kernel still gives it connections, and resets them
        wait_for(
            lambda: (
                sum(_open_sockets(server).values()) < 8
                and _open_sockets(server).keys() == {"0", "1"}
            )
        )
        (directory,) = {
            Path(one.laddr).parent
            for worker in workers(server)
            for one in worker.net_connections("unix")
            if one.laddr
        }
        assert directory.stat().st_mode & 0o777 == 0o700
        assert server.end(signal.SIGTERM) == 0
        assert not directory.exists()


def test_workers_end_with_a_parent_that_was_killed(
    tmp_path: Path, options: dict[str, object]
) -> None:
    """No process would restart or end them any more."""
    with server_process(tmp_path / "data", **options) as server:
        processes = workers(server)
        server.end(signal.SIGKILL)
        _, alive = psutil.wait_procs(processes, PATIENCE_S)
        assert not alive


def test_ctrl_c_ends_all_of_them(tmp_path: Path, options: dict[str, object]) -> None:
    """With the exit code of an interrupted command."""
    with server_process(tmp_path / "data", **options) as server:
        processes = workers(server)
        assert server.end(signal.SIGINT) == 130
        assert not any(one.is_running() for one in processes)


def test_a_second_ctrl_c_ends_all_of_them_at_once(
    tmp_path: Path, options: dict[str, object]
) -> None:
    """The workers are killed in the middle of their drain, and the parent says so."""
    with (
        server_process(
            tmp_path / "data", **options | {"drain_window_s": 60, "shutdown_timeout_s": 0}
        ) as server,
        following(server, 6),
    ):
        processes = workers(server)
        server.send(signal.SIGINT)
        wait_for(lambda: not server.accepts())
        assert not server.has_ended
        assert server.end(signal.SIGINT) == 130
        assert "ended at once" in server.log.read_text()
        assert not any(one.is_running() for one in processes)


def test_zero_is_no_time_limit_for_workers(tmp_path: Path, options: dict[str, object]) -> None:
    """The parent waits for a worker whose drain lasts longer than its grace: the booking that still
    came is answered.
    """
    with (
        server_process(tmp_path / "data", **options, shutdown_timeout_s=0) as server,
        half_post(server) as post,
    ):
        server.send(signal.SIGTERM)
        time.sleep(KILL_GRACE_S + 1.5)
        post.finish()
        assert post.answer() == b"HTTP/1.1 201 Created\r\n"
        assert server.wait() == 0


def test_a_closed_terminal_drains_all_of_them(tmp_path: Path, options: dict[str, object]) -> None:
    """With exit code 0."""
    terminal = Terminal()
    with (
        server_process(tmp_path / "data", in_child=terminal.take, **options) as server,
        following(server, 2) as clients,
    ):
        processes = workers(server)
        terminal.close()
        assert server.wait() == 0
        assert not any(one.is_running() for one in processes)
        for client in clients:
            assert farewells(client) == [1012]


def test_sighup_without_a_terminal_reloads_all_of_them(
    tmp_path: Path, options: dict[str, object]
) -> None:
    """Each worker reads the settings again, and its sockets live on."""
    server = ServerProcess(tmp_path / "data", **options)
    server.in_child = os.setsid
    config = tmp_path / "rtdash.toml"
    config.write_text("connections_per_user = 20\n")
    server.set(config=config)
    server.start()
    try:
        with following(server, 4) as clients:
            processes = workers(server)
            server.send(signal.SIGHUP)
            wait_for(lambda: server.log.read_text().count("reloaded: ") == 2)
            assert [one.pid for one in workers(server)] == [one.pid for one in processes]
            assert all(client.ping().wait(PATIENCE_S) for client in clients)
        assert server.end(signal.SIGTERM) == 0
    finally:
        if not server.has_ended:
            server.end()


@pytest.mark.parametrize(
    ("database", "broker", "code", "words"),
    [
        (None, "redis://127.0.0.1", 2, "--database postgresql://"),
        (
            "postgresql://nobody:hunter2@127.0.0.1:{free}/none",
            "redis://127.0.0.1",
            1,
            "user and password",
        ),
        ("postgresql://nobody@127.0.0.1/none", "memory://", 2, "it is the broker, too"),
    ],
)
def test_workers_that_can_t_start_are_told_once(
    tmp_path: Path, database: str | None, broker: str, code: int, words: str
) -> None:
    """In a sentence with a hint, without a traceback or a password."""
    settings = {"broker": broker} | (
        {"database": database.format(free=free_port())} if database else {}
    )
    told = serve(tmp_path, settings, "--workers", "2")
    assert told.returncode == code
    assert words in told.stderr
    assert "Traceback" not in told.stderr
    assert "hunter2" not in told.stderr


def _open_sockets(server: ServerProcess) -> dict[str, float]:
    """By worker."""
    families = text_string_to_metric_families(server.get("/metrics").text)
    return {
        sample.labels["worker"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == "rtdash_connections"
    }


def _connections(worker: psutil.Process, status: str, port: int) -> int:
    return sum(
        one.status == status and one.laddr.port == port for one in worker.net_connections("tcp")
    )


def _has_listeners(server: ServerProcess, number: int) -> bool:
    return [
        _connections(worker, psutil.CONN_LISTEN, server.port) for worker in workers(server)
    ] == [1] * number
