"""`rtdash demo`: server, traffic and view in one command, and nothing left behind."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from rtdash.cli.main import run
from tests.programs import plain_environment


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """An environment whose temporary files are the test's own."""
    return plain_environment() | {"TMPDIR": str(tmp_path)}


def test_it_shows_traffic_and_ends(place: dict[str, str], tmp_path: Path) -> None:
    """Off a terminal: a past, live lines of figures and reservations, then 0; its temporary data is
    removed.
    """
    command = [
        sys.executable,
        "-m",
        "rtdash",
        "demo",
        "--days",
        "2",
        "--rate",
        "20/s",
        "--duration",
        "3s",
    ]
    ended = subprocess.run(
        command, env=place, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "harbour-hotel" in ended.stdout
    assert "figures" in ended.stdout
    assert "the demo is over" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_is_set_for_other_servers_stays_theirs(place: dict[str, str], tmp_path: Path) -> None:
    """Neither the environment nor a file brings its invented guests into a real store, nor a
    foreign token or secret into its view.
    """
    real, work = tmp_path / "real.db", tmp_path / "work"
    work.mkdir()
    (work / "rtdash.toml").write_text(f'database = "sqlite:///{real}"\nissuer = "elsewhere"\n')
    foreign = {
        "RTDASH_DATABASE": f"sqlite:///{real}",
        "RTDASH_SECRET": "theirs" * 8,
        "RTDASH_TOKEN": "theirs",
        "RTDASH_AUDIENCE": "theirs",
    }
    command = [
        sys.executable,
        "-m",
        "rtdash",
        "demo",
        "--days",
        "1",
        "--rate",
        "20/s",
        "--duration",
        "2s",
        "--data",
        "shown",
    ]
    ended = subprocess.run(
        command,
        env=place | foreign,
        cwd=work,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "figures" in ended.stdout
    assert not real.exists()
    assert (work / "shown" / "rtdash.db").exists()
    assert (work / "shown").stat().st_mode & 0o077 == 0


def test_a_second_terminal_joins_it(place: dict[str, str], tmp_path: Path) -> None:
    """By the data directory alone, while the demo runs; the past has given it figures and trends
    that a real week could show.
    """
    data = tmp_path / "data"
    demo = [sys.executable, "-m", "rtdash", "demo", "--days", "14", "--data", str(data)]
    join = [sys.executable, "-m", "rtdash", "watch", "--data", str(data), "--once", "--json"]
    with subprocess.Popen(
        demo, env=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert "harbour" in process.stdout.readline()
            joined = subprocess.run(
                join, env=place, capture_output=True, text=True, timeout=60, check=False
            )
        finally:
            process.terminate()
            process.communicate(timeout=60)
    assert joined.returncode == 0, joined.stderr
    stats = [
        message["stats"]
        for message in map(json.loads, joined.stdout.splitlines())
        if message["type"] == "stats_update"
    ]
    assert len(stats) == 2
    for figures in stats:
        trends = [figures[name] for name in ("reservationsTrend", "guestsTrend")]
        assert all(trend is None or abs(trend) <= 200 for trend in trends), stats


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_it_leaves_nothing(
    number: signal.Signals, place: dict[str, str], tmp_path: Path
) -> None:
    """In the middle of loading the past: 130, no process, no data; a closed terminal too."""
    command = [sys.executable, "-m", "rtdash", "demo", "--days", "3000"]
    with subprocess.Popen(
        command, env=place, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        while "rtdash demo at" not in process.stderr.readline():
            assert process.poll() is None
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        _, told = process.communicate(timeout=40)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert children
    assert [child for child in children if child.is_running()] == []
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_in_the_middle_of_an_import(tmp_path: Path) -> None:
    """The exit code is 130 for `python -m` as well, also where a text is being executed then."""
    program = (
        "import sys, rtdash.cli",
        "main = rtdash.cli.main",
        "import rtdash.cli.main",
        "sys.modules['rtdash.cli.main'].run = lambda _: exec('raise KeyboardInterrupt')",
        "main()",
    )
    (tmp_path / "interrupted.py").write_text("\n".join(program))
    done = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, check=False)
    assert done.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--rate", "many"], 2, "not a rate"),
        (["--duration", "long"], 2, "not a duration"),
        (["--data", "/dev/null"], 1, "can't be written"),
    ],
)
def test_what_it_cant_do_it_says_at_once(
    arguments: list[str], code: int, word: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before a server is started: what is wrong, in words."""
    assert run(["demo", *arguments]) == code
    told = capfd.readouterr().err
    assert word in told
    assert "rtdash demo at" not in told
