"""Pictures of every state of the page, light and dark: `python -m tests.browser.pictures FOLDER
[STATE…]`. They are made to be looked at. With `--guide` in place of both: those of the guide.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.browser.pages import FLAGS, Dashboard, find_program
from tests.browser.states import STATES, Stage
from tests.client.processes import Served

WINDOW = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", "reduced_motion": "reduce"}

GUIDE = Path(__file__).parents[2] / "rtdash" / "guide" / "pictures"
OF_THE_GUIDE = [("hotel", "light"), ("wall", "dark")]
LIMITS = {"connections_per_user": "0", "requests_per_second": "0"}


def main(folder: Path, wished: list[tuple[str, str]], *, is_whole: bool = True) -> None:
    """Take a picture of each state in its scheme, of the whole page or of a screen."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        server, empty = Served(Path(scratch) / "past", **LIMITS), Served(Path(scratch) / "empty")
        try:
            _fill(server)
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


def _fill(server: Served) -> None:
    options = ("--backfill", "60", "--duration", "20s", "--rate", "2/s", "--seed", "3")
    command = [sys.executable, "-m", "rtdash", "simulate", "--data", str(server.data), *options]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1] == "--guide":
        main(GUIDE, OF_THE_GUIDE, is_whole=False)
    else:
        names = sys.argv[2:] or list(STATES)
        main(Path(sys.argv[1]), [(name, one) for name in names for one in ("light", "dark")])
