"""The dashboard page under load: python loadtests/bench/page.py [--rate 100] [--seconds 20]

Chromium shows one restaurant while bookings come in. Frames a second depend on the machine and on
what else runs on it, so the page is measured without any event first, on the same machine and in
the same minute; times of the page's main thread are its own CPU time, as Chromium's trace has it.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page, sync_playwright
from processes import Server, rtdash
from traffic import OPERATIONS, Caller, booking

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
COUNT_FRAMES = """ms => new Promise((resolve) => {
  const start = performance.now();
  let frames = 0;
  const next = (now) => {
    frames += 1;
    if (now - start < ms) requestAnimationFrame(next);
    else resolve(frames * 1000 / (now - start));
  };
  requestAnimationFrame(next);
})"""
CATEGORIES = [
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "toplevel",
    "v8",
    "__metadata",
]
PARTS = {
    "FunctionCall": "script",
    "FireAnimationFrame": "script",
    "TimerFire": "script",
    "EvaluateScript": "script",
    "RunMicrotasks": "script",
    "UpdateLayoutTree": "style",
    "Layout": "layout",
    "PrePaint": "paint",
    "Paint": "paint",
    "Layerize": "paint",
    "Commit": "paint",
    "MinorGC": "gc",
    "MajorGC": "gc",
    "IntersectionObserverController::computeIntersections": "visibility",
}
"""Part of the main thread's work that a kind of event belongs to; the rest is Chromium's own."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measures the dashboard page under load.")
    parser.add_argument("--rate", type=float, default=100, help="bookings a second")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as directory,
        rtdash(Path(directory) / "data") as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=_program(), args=FLAGS)
        page = _open(browser.new_page(viewport={"width": 1280, "height": 900}), server)
        Caller(server).call("POST", OPERATIONS, [_table(turn) for turn in range(200)])
        page.wait_for_selector(".live .rows > li:nth-child(50)")
        _show("no events", _measure(page, options.seconds))
        with Booking(server, options.rate, options.seconds):
            _show(f"{options.rate:g} events/s", _measure(page, options.seconds))
        browser.close()


class Booking:
    """Desk that books in a thread of its own while the block runs."""

    def __init__(self, server: Server, rate: float, seconds: float) -> None:
        self._server, self._rate, self._number = server, rate, int(rate * (seconds + 2))
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def _run(self) -> None:
        caller, start = Caller(self._server), time.monotonic()
        for turn in range(self._number):
            time.sleep(max(0.0, start + turn / self._rate - time.monotonic()))
            caller.call("POST", OPERATIONS, [_table(turn)])


def _table(turn: int) -> dict[str, object]:
    """A table within the next three days: a third of them stand in the list of upcoming ones."""
    start = datetime.now(UTC) + timedelta(minutes=5 + turn * 37 % (3 * 24 * 60))
    return booking(turn, {"date": start.isoformat()})


def _open(page: Page, server: Server) -> Page:
    origin = f"http://127.0.0.1:{server.port}"
    page.add_init_script(f"sessionStorage.setItem('rtdash.token', '{server.token}')")
    page.goto(f"{origin}/?venue=harbour-grill")
    page.wait_for_selector('body[data-state="live"]')
    return page


def _measure(page: Page, seconds: float) -> dict[str, float]:
    """Figures of one period: frames a second, shares of a core, and milliseconds a frame."""
    browser = page.context.browser
    assert browser is not None, "the page is a browser's own"
    page.wait_for_timeout(1000)
    browser.start_tracing(page=page, categories=CATEGORIES)
    before_s = _chromium_s()
    frames = page.evaluate(COUNT_FRAMES, seconds * 1000)
    chromium = (_chromium_s() - before_s) / seconds * 100
    trace = json.loads(browser.stop_tracing())["traceEvents"]
    return {"frames/s": frames, "Chromium % of a core": chromium, **_shares(trace, frames, seconds)}


def _shares(trace: list[dict[str, Any]], frames: float, seconds: float) -> dict[str, float]:
    thread = _main_thread(trace)
    own = [one for one in trace if (one["pid"], one["tid"]) == thread and one["ph"] == "X"]
    spent: dict[str, float] = defaultdict(float)
    # Events nest: each moment belongs to the innermost one that has a part.
    stack: list[tuple[float, str]] = []
    for one in sorted(own, key=lambda event: (event["ts"], -event.get("dur", 0))):
        while stack and stack[-1][0] <= one["ts"]:
            stack.pop()
        part, time_us = PARTS.get(one["name"]), one.get("tdur", 0)
        if not stack:
            spent["all"] += time_us
        if part:
            outer = next((name for _, name in reversed(stack) if name), "")
            spent[part] += time_us
            if outer:
                spent[outer] -= time_us
        stack.append((one["ts"] + one.get("dur", 0), part or ""))
    figures = {f"{name} % of a core": us / seconds / 1e4 for name, us in sorted(spent.items())}
    return figures | {"main thread ms/frame": spent["all"] / 1000 / (frames * seconds)}


def _main_thread(trace: list[dict[str, Any]]) -> tuple[int, int]:
    """Process and thread that ran the page: the main thread that called most functions."""
    calls: dict[tuple[int, int], int] = defaultdict(int)
    for one in trace:
        if one["name"] == "FireAnimationFrame":
            calls[one["pid"], one["tid"]] += 1
    return max(calls, key=lambda thread: calls[thread])


def _chromium_s() -> float:
    """Seconds of CPU so far of all processes of the browser."""
    own = psutil.Process().children(recursive=True)
    return sum(sum(one.cpu_times()[:2]) for one in own if "chrom" in one.name())


def _program() -> str:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("this needs Chromium")
    return program


def _show(name: str, figures: dict[str, float]) -> None:
    print(f"{name}, machine load {os.getloadavg()[0]:.1f}")
    for figure, value in figures.items():
        print(f"  {figure:28} {value:10.2f}")


if __name__ == "__main__":
    main()
