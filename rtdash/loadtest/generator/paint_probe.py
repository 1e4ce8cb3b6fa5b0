"""Probe of what people see: the dashboard page in Chromium, and the frame that shows each change.

Playwright drives the Chromium of the system and downloads none. Without either, paint latency is
not measured, and the report says why.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_POLL_S = 0.5
_PATIENCE_MS = 30_000
_MOST_PAINTS = 20_000
_SCRIPT = """
window.__paints = [];
const seen = new Map();
const look = () => {
  const fresh = [];
  for (const row of document.querySelectorAll("li[data-id][data-version]")) {
    const id = row.dataset.id, version = row.dataset.version;
    if (seen.get(id) !== version) { seen.set(id, version); fresh.push([id, Number(version)]); }
  }
  if (!fresh.length) return;
  // The task behind an animation frame runs when that frame has been handed to the screen.
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      const at = (performance.timeOrigin + performance.now()) / 1000;
      for (const [id, version] of fresh) window.__paints.push([id, version, at]);
    };
    channel.port2.postMessage(null);
  });
};
new MutationObserver(look).observe(document, {
  subtree: true, childList: true, attributes: true, attributeFilter: ["data-version"],
});
"""


@dataclass(frozen=True, slots=True)
class Paint:
    """Frame that showed a version of a reservation, at an instant of the monotonic clock."""

    reservation_id: str
    version: int
    at: float


def why_no_browser() -> str | None:
    """Return why paint latency can't be measured on this machine; None when it can."""
    if find_spec("playwright") is None:
        return "playwright is not installed: pip install 'rtdash[browser]'"
    return None if _program() else "Chromium is not installed"


class PaintProbe:
    """Page in a browser; `paints` grows while it runs."""

    def __init__(self, url: str, code: str) -> None:
        self.paints: list[Paint] = []
        self.failure: str | None = None
        self._address = f"{url}/#code={code}"

    async def collect_paints(self) -> None:
        """Open the page, signed in by the code, and collect its frames until cancelled. What goes
        wrong in the browser stands in `failure`.
        """
        from playwright.async_api import Error  # noqa: PLC0415 - an optional extra

        with suppress(asyncio.CancelledError):
            try:
                async with _open_page(self._address) as page:
                    while len(self.paints) < _MOST_PAINTS:
                        await asyncio.sleep(_POLL_S)
                        await self._collect(page)
            except Error as error:
                self.failure = str(error).splitlines()[0]

    async def _collect(self, page: Any) -> None:
        # One reading of both clocks: wall time of this machine is what the page has, too.
        offset_s = time.time() - time.monotonic()
        found = await page.evaluate("window.__paints.splice(0)")
        self.paints += [Paint(one, version, at - offset_s) for one, version, at in found]


@asynccontextmanager
async def _open_page(address: str) -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright  # noqa: PLC0415 - an optional extra

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=_program(), args=list(_FLAGS))
        try:
            page = await browser.new_page(viewport={"width": 1280, "height": 900})
            await page.add_init_script(_SCRIPT)
            await page.goto(address, timeout=_PATIENCE_MS)
            yield page
        finally:
            await browser.close()


def _program() -> str | None:
    return next((found for one in PROGRAMS if (found := shutil.which(one))), None)
