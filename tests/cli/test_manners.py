"""Manners of the command line: help, versions, completion, suggestions, for every command alike."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from rtdash import __version__
from rtdash.cli.main import build_command, run
from rtdash.resources import guide_pages


def commands(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from commands(subcommand, (*words, name))


EVERY = list(commands(build_command()))


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help_has_one_style(words: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    """Readable names for values, an example to type, a first sentence that isn't cut off."""
    assert run([*words, "-h"]) == 0
    out = capfd.readouterr().out
    assert "Examples:\n" in out
    for example in out.partition("Examples:\n")[2].splitlines():
        assert example.strip().startswith("rtdash")
    assert re.search(r"<\w+(\[\w+\])?>", out) is None
    assert "..." not in out.partition("\nCommands:")[2]


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_options_are_described(words: tuple[str, ...]) -> None:
    """Each option and argument says what it is for."""
    command = build_command()
    for word in words:
        command = command.commands[word]
    assert [one.name for one in command.params if not one.help] == []


@pytest.mark.parametrize("words", [["-V"], ["--version"], ["version"]])
def test_version(words: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """However it is asked for."""
    assert run(words) == 0
    assert capfd.readouterr().out == f"rtdash {__version__}\n"


def test_help_lists_the_guide(capfd: pytest.CaptureFixture[str]) -> None:
    """Each page with its first sentence."""
    assert run(["help"]) == 0
    lines = capfd.readouterr().out.splitlines()
    heads = [line.split() for line in lines if not line.startswith(" ")]
    assert [head[0] for head in heads] == list(guide_pages())
    assert all(len(head) > 2 for head in heads)
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("topic", list(guide_pages()))
def test_help_renders_each_page(topic: str, capfd: pytest.CaptureFixture[str]) -> None:
    """The page's heading is shown without Markdown's signs."""
    assert run(["help", topic]) == 0
    out = capfd.readouterr().out
    assert guide_pages()[topic].title in out
    assert "\n# " not in out


def test_help_of_a_command(capfd: pytest.CaptureFixture[str]) -> None:
    """Where there is no page of that name, the command's own help."""
    assert run(["help", "watch"]) == 0
    assert "Usage: rtdash watch" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["wach"], "watch"),
        (["help", "protocoll"], "did you mean protocol?"),
        (["watch", "hotel_stat"], "did you mean hotel_stats?"),
        (["events", "hotel_reservation"], "did you mean hotel_reservations?"),
        (["simulate", "--dry-run", "--scenario", "fryday-dinner"], "did you mean friday-dinner?"),
        (["simulate", "--dry-run", "--profile", "resorts"], "did you mean resort?"),
        (["completion", "bahs"], "did you mean bash?"),
    ],
)
def test_did_you_mean(words: list[str], said: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A slip of the pen is answered with what was probably meant; nothing on stdout."""
    assert run(words) == 2
    out, err = capfd.readouterr()
    assert (out, said in err) == ("", True), err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["deploy"], ["docker, compose, kubernetes", "rtdash deploy nginx"]),
        (["completion"], ["bash, zsh or fish", "rtdash completion zsh"]),
        (["events"], ["E.g. hotel_reservations", "rtdash events hotel_reservations"]),
        (["venues", "import"], ["Venue file (TOML)", "rtdash venues import hotels.toml"]),
        (["venues", "import", "gone.toml"], ["gone.toml can't be read: No such file"]),
        (["guests", "erase"], ["rtdash guests erase --email ann@example.com"]),
    ],
)
def test_what_is_missing_is_explained(
    words: list[str], said: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """The error says what belongs there and which command can be typed."""
    assert run(words) == 2
    err = capfd.readouterr().err
    assert [one for one in said if one not in err] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Each calls the program back, which knows the values."""
    assert run(["completion", shell]) == 0
    assert "_RTDASH_COMPLETE=complete" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("rtdash wat", "watch"),
        ("rtdash watch hotel_st", "hotel_stats"),
        ("rtdash simulate --scenario fri", "friday-dinner"),
        ("rtdash token --scope adm", "admin"),
        ("rtdash help prot", "protocol"),
        ("rtdash watch --venue ", ""),
    ],
)
def test_completed_values(typed: str, value: str) -> None:
    """Commands, channels, scenarios, scopes, pages; venues where a server answers, else nothing."""
    environment = os.environ | {
        "_RTDASH_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
        "RTDASH_URL": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-m", "rtdash"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert value in done.stdout
    assert "Traceback" not in done.stderr


def test_a_command_that_is_called_is_built_alone() -> None:
    """Whatever was built before; one that there isn't is looked for among all."""
    every = list(build_command().commands)
    assert list(build_command("serve").commands) == ["serve"]
    assert list(build_command("token").commands) == ["token"]
    assert list(build_command("sreve").commands) == every
    assert list(build_command("--help").commands) == every
    assert len(every) == 20


def test_help_loads_little() -> None:
    """Neither an HTTP client nor a server, a store or a renderer: a command is to answer at once."""
    probe = (
        "import sys; from rtdash.cli.main import build_command; build_command();"
        " print([name for name in ('httpx2', 'sqlalchemy', 'fastapi', 'pydantic', 'rich.live',"
        " 'websockets', 'jwt', 'faker') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
