"""The ledger of the DOM: what was acknowledged stands in the page exactly once, whatever happened
between. `RTDASH_FULL=1 pytest -s tests/browser/test_ledger.py` is the long form, and prints it.
"""

import os
import signal
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import httpx2
import pytest

from tests.browser.pages import FLAGS, GRILL, Dashboard, find_program
from tests.client.processes import Served

IS_FULL = bool(os.environ.get("RTDASH_FULL"))
ROUNDS = 20 if IS_FULL else 1
"""Of each kind of fault."""
EACH = 10
"""Bookings around each fault; the page shows 50 rows, so that none may be passed over."""
PACE_S = 0.05
PATIENCE_S = 90
COUNT_ROWS = """() => {
  window.shown = {};
  window.restored = 0;
  addEventListener("pageshow", (event) => window.restored += Number(event.persisted));
  const note = (row) => {
    const name = row.querySelector(".who bdi").textContent;
    window.shown[name] = (window.shown[name] ?? 0) + 1;
  };
  const list = document.querySelector(".live .rows");
  new MutationObserver((records) => records.forEach((record) => {
    if (record.target === list) record.addedNodes.forEach(note);
  })).observe(list, {childList: true});
}"""


class Desk(threading.Thread):
    """Books tables one after the other while a fault happens; each is repeated with its own id
    until it is acknowledged.
    """

    def __init__(self, server: Served, names: list[str]) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self.repeated = 0
        self._server = server
        self._names = names

    def run(self) -> None:
        """Book all of them."""
        for name in self._names:
            deadline = time.monotonic() + PATIENCE_S
            while not self._book(name) and time.monotonic() < deadline:
                time.sleep(PACE_S)
            time.sleep(PACE_S)

    def _book(self, name: str) -> bool:
        operation = {
            "operationId": name.replace(" ", "-"),
            "op": "book",
            "kind": "restaurant",
            "customerName": name,
            "guests": 2,
            "source": "web",
            "date": datetime.now(UTC).isoformat(),
        }
        headers = {"Authorization": f"Bearer {self._server.token()}"}
        url = f"{self._server.url}/api/operations?venue={GRILL}"
        try:
            answer = httpx2.post(url, json=[operation], headers=headers, timeout=10)
        except httpx2.HTTPError:
            return False
        if answer.status_code != 200:
            return False
        [outcome] = answer.json()["outcomes"]
        assert outcome["outcome"] in {"applied", "repeated"}, outcome
        self.repeated += outcome["outcome"] == "repeated"
        self.acknowledged.append(name)
        return True


@pytest.fixture
def view(chromium, server):
    """The page in a browser that keeps pages for back and forward, as people's browsers do:
    Playwright switches that off.
    """
    browser = chromium.browser_type.launch(
        executable_path=find_program(),
        args=FLAGS,
        ignore_default_args=["--disable-back-forward-cache"],
    )
    one = Dashboard(browser.new_context(bypass_csp=True), server, server.url)
    yield one.sign_in(f"/?venue={GRILL}")
    browser.close()
    assert one.faults == [], one.faults


def kill(server, view, number):
    """The process dies at another phase of a booking each time, and comes back."""
    time.sleep(number % 7 * 0.01)
    server.end(signal.SIGKILL)
    server.start()


def drain(server, view, number):
    """The process ends in order, and comes back."""
    server.end()
    server.start()


def stop(server, view, number):
    """The process stands still: every other time until the page has given the connection up."""
    server.send(signal.SIGSTOP)
    try:
        if number % 2:
            view.page.wait_for_timeout(1000)
        else:
            view.run("() => dispatchEvent(new Event('online'))")  # asks at once, and waits 3 s
            view.until("connecting")
    finally:
        server.send(signal.SIGCONT)


def go_offline(server, view, number):
    """The machine of the page loses its network, and gets it back."""
    view.context.set_offline(True)
    view.page.wait_for_timeout(500)
    view.context.set_offline(False)


def freeze(server, view, number):
    """The browser freezes the page, as it does with tabs in the background."""
    session = view.context.new_cdp_session(view.page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    time.sleep(0.5)  # the bookings of meanwhile
    session.send("Page.setWebLifecycleState", {"state": "active"})
    session.detach()


def leave_and_return(server, view, number):
    """Another page is opened in the tab, and left by the button for back."""
    view.page.goto(f"{view.url}/docs")
    time.sleep(0.3)  # the bookings of meanwhile
    view.page.go_back(wait_until="commit")
    view.page.wait_for_function(f"() => window.restored === {number}")


FAULTS = (kill, drain, stop, go_offline, freeze, leave_and_return)


@pytest.mark.timeout(300 if ROUNDS == 1 else 3600)
def test_each_booking_is_shown_exactly_once(view, server):
    """Bookings come in before, during and after each fault; those that were acknowledged have
    been put into the list once.
    """
    view.run(COUNT_ROWS)
    acknowledged, repeated, began = [], 0, time.monotonic()
    for number in range(1, ROUNDS + 1):
        for fault in FAULTS:
            names = [f"Ledger {fault.__name__} {number} {one}" for one in range(EACH)]
            desk = Desk(server, names)
            desk.start()
            try:
                fault(server, view, number)
            finally:
                desk.join(EACH * PATIENCE_S)
            assert desk.acknowledged == names
            acknowledged += names
            repeated += desk.repeated
            # so many faults in a row make the waits long: a person would not wait either
            view.page.locator(".statebar button").dispatch_event("click")
            view.page.wait_for_function("name => window.shown[name] > 0", arg=names[-1])
            view.until("live")
    shown = Counter(view.run("() => window.shown"))
    lost = [name for name in acknowledged if not shown[name]]
    twice = [name for name in shown if shown[name] > 1]
    sys.stdout.write(
        f"\n{len(acknowledged)} bookings acknowledged ({repeated} at a repetition) over {ROUNDS} x "
        f"{', '.join(fault.__name__ for fault in FAULTS)} in {time.monotonic() - began:.0f} s: "
        f"shown {len(shown)}, lost {len(lost)}, twice {len(twice)}\n"
    )
    assert (lost, twice) == ([], [])
    assert shown.keys() == set(acknowledged)
