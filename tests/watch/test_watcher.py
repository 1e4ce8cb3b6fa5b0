"""`rtdash watch` as a command, with the real server."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time

import pytest

from tests.client.processes import Served

CHANNEL = "restaurant_reservations"
PAGE = 4096
"""The smallest pipe."""


def command(served, *arguments):
    return [sys.executable, "-m", "rtdash", "watch", *arguments, "--data", str(served.data)]


def run(served, *arguments, timeout=40):
    return subprocess.run(
        command(served, *arguments), capture_output=True, text=True, timeout=timeout, check=False
    )


def begin(served, *arguments, **options):
    process = subprocess.Popen(
        command(served, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    if "--json" in arguments:
        while json.loads(process.stdout.readline()).get("state") != "live":
            assert process.poll() is None
    else:
        while "live" not in process.stderr.readline():
            assert process.poll() is None
    return process


def wait_until_full(pipe, line_bytes):
    """Until a pipe of one page has no room for another line, so that its writer stands."""
    deadline = time.monotonic() + 60
    while PAGE - waiting_bytes(pipe) > line_bytes:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def waiting_bytes(pipe):
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def messages(output):
    return [line for line in map(json.loads, output.splitlines()) if line["type"] != "connection"]


def test_json_count(served, booked):
    """`--json --count N`: N messages as they were sent, then 0; the token was minted on the way."""
    process = begin(served, CHANNEL, "--json", "--count", "2")
    ids = booked(3)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert [message["operationId"] for message in messages(out)] == ids[:2]
    assert err == ""


def test_lines_without_a_terminal(served, booked):
    """One readable line a message on stdout, the connection on stderr."""
    process = begin(served, CHANNEL, "--count", "1")
    booked(1, name="Ada Lovelace")
    out, _ = process.communicate(timeout=60)
    assert "harbour-grill" in out
    assert "Ada Lovelace, 4 guests" in out
    assert "\x1b" not in out


def test_since(served, booked):
    """`--since SEQ` begins behind that event."""
    booked(2)
    done = run(served, CHANNEL, "--json", "--since", "1", "--count", "1")
    assert [message["seq"] for message in messages(done.stdout)] == [2]
    assert done.returncode == 0


def test_once(served, booked):
    """`--once`: state and latest event of each channel, a word about those that have none, then
    0.
    """
    last = booked(1)
    done = run(served, "hotel_stats", CHANNEL, "hotel_notifications", "--once", "--json")
    assert [message["type"] for message in messages(done.stdout)] == [
        "stats_update",
        "room_availability_update",
        "new_reservation",
    ]
    assert messages(done.stdout)[-1]["operationId"] == last[0]
    assert "hotel_notifications has had no event yet" in done.stderr
    assert done.returncode == 0


def test_duration(served):
    """`--duration` ends a watch that stood with 0."""
    done = run(served, "restaurant_stats", "--venue", "harbour-grill", "--duration", "5s")
    assert done.returncode == 0
    assert "figures" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(served, number):
    """Ctrl-C and SIGTERM end it at once, with 130 and without a traceback."""
    process = begin(served, CHANNEL, "--json")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""


def test_ctrl_c_while_nobody_reads(served, booked):
    """A reader that stands still doesn't make it deaf."""
    process = begin(served, CHANNEL, "--json", "--since", "0")
    fcntl.fcntl(process.stdout.fileno(), fcntl.F_SETPIPE_SZ, PAGE)
    booked(1)
    line = process.stdout.readline()
    booked(100)
    wait_until_full(process.stdout.fileno(), len(line) + 10)  # later ids are longer
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    process.stdout.close()
    process.stderr.close()


def test_reader_that_leaves(served):
    """`| head -1` ends it quietly with 0, without waiting for another message."""
    process = begin(served, CHANNEL, "--json")
    process.stdout.close()
    assert process.wait(60) == 0
    assert process.stderr.read() == ""
    process.stderr.close()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["hotel_rooms"], 2, "did you mean hotel_stats"),
        ([CHANNEL, "--duration", "soon"], 2, "is not a duration"),
        (
            [CHANNEL, "--venue", "harbour-hotel"],
            2,
            "is a hotel, so that it has no restaurant_reservations",
        ),
        ([CHANNEL, "--venue", "elsewhere"], 4, "there is no venue 'elsewhere'"),
        ([CHANNEL, "--token", "not-a-token"], 4, "token"),
        ([CHANNEL, "--once", "--token", "not-a-token"], 4, "token"),
        ([CHANNEL, "--url", "http://127.0.0.1:9", "--duration", "0.3s"], 3, "rtdash serve"),
    ],
)
def test_errors_say_how_to_mend_them(served, arguments, code, words):
    """The exit codes of the contract, and words with the next thing to do; nothing on stdout."""
    done = run(served, *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_unreachable_server_is_tried_for_ten_seconds(served):
    """The first connection has its time, then exit code 3."""
    before = time.monotonic()
    done = run(served, CHANNEL, "--url", "http://127.0.0.1:9")
    assert done.returncode == 3
    assert time.monotonic() - before >= 10
    assert "nothing listens there" in done.stderr


def test_server_comes_back(tmp_path):
    """A server that dies is sought until it is back; every change of the connection is a line, and
    no event is missing.
    """
    served = Served(tmp_path / "own", drain_window_s="0.2", restart_allowance_s="0.5")
    process = begin(served, CHANNEL, "--json", "--count", "3")
    ids = served.book(1)
    served.end(signal.SIGKILL)
    served.start()
    ids += served.book(1)
    lines = [json.loads(process.stdout.readline())]
    while lines[-1].get("state") not in {"replaying", "live"}:  # it may poll before
        lines.append(json.loads(process.stdout.readline()))
    ids += served.book(1)
    # not by communicate(): it would lose what readline has taken from the pipe beside its line
    with process:  # closes its pipes
        lines += [json.loads(line) for line in process.stdout]
        process.wait(40)
    served.end()
    assert [line["operationId"] for line in lines if line["type"] != "connection"] == ids
    assert "connecting" in [line["state"] for line in lines if line["type"] == "connection"]
    assert process.returncode == 0


def test_what_watch_loads():
    """Neither the store nor the server nor the load generator, so that it starts at once."""
    script = "import sys, rtdash.cli.watch, rtdash.watch.watcher, rtdash.watch.screen\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )
    assert not {"sqlalchemy", "fastapi", "locust", "gevent", "uvicorn", "faker"} & set(
        done.stdout.split()
    )


def test_what_is_piped_is_utf8_in_every_locale(served: Served) -> None:
    """Where the locale knows ASCII only, too."""
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        command(served, "hotel_stats", "--once"),
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "(\u2013)" in done.stdout
