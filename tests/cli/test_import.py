"""`rtdash import`: what rows become, what is printed about rows that can't be taken, and that it
can be repeated.
"""

import json
import shutil
from pathlib import Path

import pytest

from rtdash.cli.main import run
from rtdash.resources import data_path
from tests.client.processes import Served
from tests.imports.test_conversion import HEADER, LINE

MAP = str(data_path("fixtures", "imports", "hotel-pms.toml"))


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Three rows that can be taken, one whose date can't, one that the server refuses."""
    file = tmp_path / "pms.csv"
    lines = [LINE.replace("H-1", f"H-{number}") for number in range(3)]
    lines += [LINE.replace("H-1", "H-8").replace("24.07.2026", "soon")]
    lines += [LINE.replace("H-1", "H-9").replace("Double", "Dungeon")]
    file.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return file


def test_rows_are_mirrored_and_a_second_run_changes_nothing(
    served: Served, export: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each row that can't be taken is printed with its line; all others are there, once."""
    command = ["import", str(export), "--map", MAP, "--venue", "harbour-hotel"]
    assert run([*command, "--data", str(served.data)]) == 1
    err = capfd.readouterr().err
    assert "line 5, Arrival: 'soon' is no date" in err
    assert "line 6, H-9: the hotel has no room type 'Dungeon'" in err
    assert "5 rows: 3 applied, 2 refused" in err
    assert run([*command, "--data", str(served.data)]) == 1
    assert "5 rows: 3 repeated, 2 refused" in capfd.readouterr().err
    assert run(["events", "hotel_reservations", "--data", str(served.data)]) == 0
    events = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [event["reservation"]["id"] for event in events] == ["H-0", "H-1", "H-2"]


def test_a_dry_run_shows_and_sends_nothing(
    export: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Without a server: the operations on stdout, what can't be read on stderr."""
    zoned = tmp_path / "map.toml"
    shutil.copy(MAP, zoned)
    text = 'timezone = "Europe/Lisbon"\n' + zoned.read_text(encoding="utf-8")
    zoned.write_text(text, encoding="utf-8")
    assert run(["import", str(export), "--map", str(zoned), "--dry-run"]) == 1
    out, err = capfd.readouterr()
    assert [json.loads(line)["reservationId"] for line in out.splitlines()] == [
        "H-0",
        "H-1",
        "H-2",
        "H-9",
    ]
    assert "5 rows: 1 refused, 4 read" in err


def test_a_suggested_map_is_printed(export: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """TOML on stdout."""
    assert run(["import", str(export), "--suggest"]) == 0
    assert '[fields]\nreservationId = "Confirmation"' in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv", "--map", MAP], "can't be read"),
        ([MAP], "--suggest"),
        ([MAP, "--map", str(data_path("fixtures", "venues", "default.toml"))], "kind"),
    ],
)
def test_what_cant_be_done_is_said(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, with what to type."""
    assert run(["import", *arguments]) == 2
    assert said in capfd.readouterr().err
