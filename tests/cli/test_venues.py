"""`rtdash venues`: lists, and imports venue files."""

import json
import os
from pathlib import Path

import pytest

from rtdash.cli.main import run
from tests.client.processes import Served

INN = """\
[[venue]]
id = "inn"
name = "The Inn"
kind = "hotel"
timezone = "America/New_York"
currency = "JPY"
[[venue.roomTypes]]
id = "king"
name = "King"
capacity = 2
baseRate = 20000
totalRooms = 3
"""


def test_venues_are_listed(served: Served, capfd: pytest.CaptureFixture[str]) -> None:
    """One a line, its fields between tabs."""
    assert run(["venues", "--data", str(served.data)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].split("\t") == [
        "harbour-hotel",
        "hotel",
        "Europe/Lisbon",
        "EUR",
        "Harbour Hotel",
    ]
    assert lines[1].startswith("harbour-grill\trestaurant\t")


def test_a_venue_file_is_imported(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The next server has its venues."""
    data, file = tmp_path / "data", tmp_path / "inn.toml"
    file.write_text(INN)
    mask = os.umask(0o022)
    try:
        assert run(["venues", "import", str(file), "--data", str(data)]) == 0
    finally:
        os.umask(mask)
    assert "imported: inn" in capfd.readouterr().err
    assert data.stat().st_mode & 0o777 == 0o700, "it holds guests' data"
    server = Served(data)
    try:
        assert run(["venues", "--data", str(data)]) == 0
        assert capfd.readouterr().out == "inn\thotel\tAmerica/New_York\tJPY\tThe Inn\n"
    finally:
        server.end()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("America/New_York", "Mars/Base", "line 5: unknown time zone"),
        ('"JPY"', '"XXQ"', "line 6: unknown currency"),
        ("20000", "20000.5", "line 11: baseRate"),
        ('name = "The Inn"', "name = ", "line 3: not TOML"),
        ("king", "\udcff", "line 8: not UTF-8"),
    ],
)
def test_a_wrong_venue_file_is_refused_whole(
    right: str, wrong: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With 2 and the line; there is no store afterwards."""
    file = tmp_path / "inn.toml"
    file.write_bytes(INN.replace(right, wrong).encode("utf-8", "surrogateescape"))
    assert run(["venues", "import", str(file), "--data", str(tmp_path / "data")]) == 2
    err = capfd.readouterr().err
    assert said in err
    assert "nothing was imported" in err
    assert not (tmp_path / "data").exists()


def test_a_store_in_use_takes_no_venue_file(
    served: Served, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server that has it is named, and its venues stay."""
    (tmp_path / "inn.toml").write_text(INN)
    assert run(["venues", "import", str(tmp_path / "inn.toml"), "--data", str(served.data)]) == 1
    assert "another process works on" in capfd.readouterr().err
    assert run(["venues", "--data", str(served.data)]) == 0
    assert "..." not in capfd.readouterr().out.partition("\nCommands:")[2]


@pytest.mark.parametrize("command", [["venues"], ["venues", "list"]])
def test_venues_as_json(
    served: Served, command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    """What the profile says of each."""
    assert run([*command, "--data", str(served.data), "--json"]) == 0
    venues = json.loads(capfd.readouterr().out)
    assert [venue["id"] for venue in venues] == ["harbour-hotel", "harbour-grill"]
    assert venues[0]["timezone"] == "Europe/Lisbon"


def test_a_byte_order_mark_is_no_part_of_a_venue_file(tmp_path: Path) -> None:
    """Editors of Windows write one."""
    file = tmp_path / "inn.toml"
    file.write_text(INN, encoding="utf-8-sig")
    assert run(["venues", "import", str(file), "--data", str(tmp_path / "data")]) == 0
