"""Pictures of every state of the page, light and dark: `python -m tests.browser.pictures FOLDER
[STATE…]`. They are made to be looked at. With `--guide` in place of both: those of the guide.
"""

import asyncio
import heapq
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import sync_playwright

from rtdash.client import Api
from rtdash.domain.venue_file import parse_venues
from rtdash.domain.venues import Venue
from rtdash.domain.zones import portable_zones
from rtdash.simulate.demo_plan import live_operations, plan_demo
from rtdash.simulate.operation_sender import OperationSender
from rtdash.simulate.tally import Tally
from tests.browser.pages import FLAGS, Dashboard, find_program
from tests.browser.states import STATES, Stage
from tests.client.processes import Served

WINDOW = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", "reduced_motion": "reduce"}

GUIDE = Path(__file__).parents[2] / "rtdash" / "guide" / "pictures"
OF_THE_GUIDE = [("hotel", "light"), ("wall", "dark")]
VENUES = Path(__file__).parents[2] / "fixtures" / "venues" / "default.toml"
BUSY_HOUR = 17
"""Local hour of the venues in the pictures: guests arrive, and tables are being booked."""

LIMITS = {"connections_per_user": "0", "requests_per_second": "0"}


def main(folder: Path, wished: list[tuple[str, str]], *, is_whole: bool = True) -> None:
    """Take a picture of each state in its scheme, of the whole page or of a screen."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        venues = _venues_at_busy_hour(Path(scratch) / "venues.toml")
        server = Served(Path(scratch) / "past", venues=venues, **LIMITS)
        empty = Served(Path(scratch) / "empty", venues=venues)
        try:
            asyncio.run(_fill(server, parse_venues(Path(venues).read_text(), source=venues)))
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_program(), args=FLAGS)
                for name, scheme in wished:
                    _take(browser, (server, empty), name, scheme, folder, is_whole=is_whole)
                browser.close()
        finally:
            server.end()
            empty.end()


def _take(
    browser: Any,
    servers: tuple[Served, Served],
    name: str,
    scheme: str,
    folder: Path,
    *,
    is_whole: bool,
) -> None:
    server, empty = servers
    opened: list[Dashboard] = []

    def open_page(*, server: Served = server, url: str = "", **context: Any) -> Dashboard:
        options = {**WINDOW, "color_scheme": scheme, **context}
        opened.append(Dashboard(browser.new_context(**options), server, url or server.url))
        return opened[-1]

    with STATES[name](Stage(open_page, server, empty)) as view:
        view.page.wait_for_timeout(1500)  # reports and highlights have come
        has_dialog = view.page.locator("dialog[open]").count() > 0  # its backdrop is a screen's
        path = folder / f"{name}-{scheme}.png"
        view.page.screenshot(path=path, full_page=is_whole and not has_dialog)
    for one in opened:
        one.context.close()
    sys.stdout.write(f"{name} {scheme} {[one.faults for one in opened if one.faults] or ''}\n")


def _venues_at_busy_hour(file: Path) -> str:
    """Write the default venues with a zone in which it is BUSY_HOUR now; return the file's path."""
    now = datetime.now(UTC)
    zones = sorted(portable_zones())
    zone = next(name for name in zones if now.astimezone(ZoneInfo(name)).hour == BUSY_HOUR)
    file.write_text(VENUES.read_text().replace("Europe/Lisbon", zone))
    return str(file)


async def _fill(server: Served, venues: Sequence[Venue]) -> None:
    """Load a demo's past, with ordinary trends, then a little of its live traffic."""
    now = datetime.now(UTC)
    plan = plan_demo(venues, seed=1, now=now, days=60)
    live = live_operations(venues, plan, seed=1, now=now, rate_per_s=0.5)
    async with Api(server.url, server.token()) as api:
        sender = OperationSender(api, Tally(), asyncio.Event())
        await sender.load(heapq.merge(plan.older, plan.recent, key=attrgetter("due")))
        await sender.pace(live, origin=datetime.now(UTC), duration_s=20)


if __name__ == "__main__":
    if sys.argv[1] == "--guide":
        main(GUIDE, OF_THE_GUIDE, is_whole=False)
    else:
        names = sys.argv[2:] or list(STATES)
        main(Path(sys.argv[1]), [(name, one) for name in names for one in ("light", "dark")])
