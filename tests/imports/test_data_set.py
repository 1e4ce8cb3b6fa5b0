"""The hotel booking data set by its map: the same reservations and reports as its replay gives."""

import asyncio
import re
import zipfile
from pathlib import Path

import pytest

from rtdash.cli.main import run
from rtdash.client.api import Api
from rtdash.resources import data_path
from tests.conftest import FULL
from tests.simulate import figures
from tests.simulate.test_whole_replay import (
    HOTELS,
    UNTIL,
    data_set,
    reported,
    server,
    stored,
)

__all__ = ["data_set", "server"]

MAP = str(data_path("fixtures", "imports", "hotel-bookings-dataset.toml"))


@pytest.mark.timeout(1800 if FULL else 120)
def test_an_import_reports_what_the_rows_say(
    server: tuple[str, str],
    data_set: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Reservations, trends, sources and revenue of each hotel, by the sums that a replay is held to
    (`test_whole_replay`); a second run makes no event.
    """
    url, token = server
    rows = figures.read_rows(data_set)
    taken = [row for row in rows if figures.is_taken(row)]
    file = _unpacked(data_set, tmp_path)
    command = ["import", str(file), "--map", MAP, "--url", url, "--token", token]
    left_out = len(rows) - len(taken)
    assert run(command) == (1 if left_out else 0)
    assert _summary(capfd) == {"rows": len(rows), "applied": len(taken), "refused": left_out}

    async def check() -> list[int]:
        heads = []
        async with Api(url, token) as api:
            for venue in HOTELS:
                count, head = await stored(api, venue)
                assert count == head == sum(row["hotel"] == figures.HOTELS[venue] for row in taken)
                assert await reported(api, venue) == figures.reports(
                    rows, venue, period="monthly", until=UNTIL
                )
                heads.append(head)
        return heads

    heads = asyncio.run(check())
    run(command)
    assert _summary(capfd) == {"rows": len(rows), "repeated": len(taken), "refused": left_out}
    assert asyncio.run(check()) == heads


def _unpacked(data_set: Path, folder: Path) -> Path:
    """The .csv file; in the long form it is in a .zip file."""
    if data_set.suffix != ".zip":
        return data_set
    with zipfile.ZipFile(data_set) as archive:
        return Path(archive.extract(archive.namelist()[0], folder))


def _summary(capfd: pytest.CaptureFixture[str]) -> dict[str, int]:
    """The counts of the last line; those that are 0 are not in it, but for `refused`."""
    last = capfd.readouterr().err.splitlines()[-1]
    found = re.findall(r"(\d[\d,]*) (\w+)", last)
    return {"refused": 0} | {word: int(number.replace(",", "")) for number, word in found}
