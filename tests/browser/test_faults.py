"""The promise reaches the pixel: what was acknowledged stands in the page once, whatever happens
between.
"""

import os
import signal
from itertools import count

import pytest

from tests.browser.pages import GRILL
from tests.browser.proxy import proxied
from tests.client.processes import Served

ROUNDS = 20 if os.environ.get("RTDASH_FULL") else 1
"""Of each kind of fault."""
EACH = 14 if os.environ.get("RTDASH_FULL") else 6
"""Bookings around each fault, acknowledged; the page shows 50 rows."""
COUNT_ROWS = """() => {
  window.shown = {};
  const note = (row) => {
    const name = row.querySelector(".who bdi").textContent;
    window.shown[name] = (window.shown[name] ?? 0) + 1;
  };
  const list = document.querySelector(".live .rows");
  new MutationObserver((records) => records.forEach((record) => {
    if (record.target === list) record.addedNodes.forEach(note);
  })).observe(list, {childList: true});
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that a test may break, and leaves running."""
    own = Served(
        tmp_path_factory.mktemp("faults") / "data",
        drain_window_s="0.2",
        restart_allowance_s="0.3",
        connections_per_user="0",
        requests_per_second="0",
        handshakes_per_minute="0",
    )
    yield own
    own.send(signal.SIGCONT)
    own.end(signal.SIGKILL)


def kill(server, _):
    """The process dies at once, and comes back."""
    server.end(signal.SIGKILL)
    server.start()


def drain(server, _):
    """The process ends in order, and comes back."""
    server.end()
    server.start()


def freeze(server, view):
    """The process stands still, until the page has noticed or a second is over."""
    server.send(signal.SIGSTOP)
    view.page.wait_for_timeout(1000)
    server.send(signal.SIGCONT)


def go_offline(_, view):
    """The machine of the page loses its network, and gets it back."""
    view.context.set_offline(True)
    view.page.wait_for_timeout(500)
    view.context.set_offline(False)


@pytest.mark.timeout(120 if ROUNDS == 1 else 3600)
def test_each_booking_is_shown_exactly_once(dashboard, server):
    """Over kills, drains, frozen servers and lost networks: a ledger of the rows of the page."""
    view = dashboard(server=server, bypass_csp=True).sign_in(f"/?venue={GRILL}")
    server.book(1, name="Ledger 0")
    view.row("Ledger 0").wait_for()
    view.run(COUNT_ROWS)
    numbers = count(1)
    booked = []

    def book(how_many):
        for number in [next(numbers) for _ in range(how_many)]:
            booked.append(f"Ledger {number}")
            server.book(1, name=booked[-1])

    for _ in range(ROUNDS):
        for fault in (kill, drain, freeze, go_offline):
            book(EACH // 2)
            fault(server, view)
            book(EACH - EACH // 2)
            # so many faults in a row make the waits long: a person would not wait either
            view.page.locator(".statebar button").dispatch_event("click")
            view.page.locator(f".live .rows bdi:text-is('{booked[-1]}')").wait_for()
    shown = view.run("() => window.shown")
    assert shown == dict.fromkeys(booked, 1)


def test_frozen_page(dashboard, server):
    """A page that the browser froze catches up when it goes on."""
    view = dashboard(server=server).sign_in(f"/?venue={GRILL}")
    session = view.context.new_cdp_session(view.page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    server.book(2, name="While Frozen")
    session.send("Page.setWebLifecycleState", {"state": "active"})
    view.row("While Frozen").nth(1).wait_for()
    assert view.row("While Frozen").count() == 2


def test_back_and_forward(dashboard, server):
    """A page that was left and is gone back to shows what happened meanwhile, and is live."""
    view = dashboard(server=server).sign_in(f"/?venue={GRILL}")
    view.page.goto(f"{view.url}/docs")
    server.book(1, name="Meanwhile")
    view.page.go_back()
    view.until("live")
    view.row("Meanwhile").wait_for()
    server.book(1, name="Afterwards")
    view.row("Afterwards").wait_for()


def test_a_network_without_websockets(dashboard, server):
    """The page polls, says so, and is live again from the same positions when a socket is let
    through.
    """
    with proxied(server.url) as proxy:
        view = dashboard(server=server, url=proxy.url)
        view.page.goto(f"{proxy.url}/?venue={GRILL}#code={view.code()}")
        view.until("polling")
        server.book(1, name="By Polling")
        assert "Figures every 30 s" in view.page.text_content(".statebar")
        view.row("By Polling").wait_for()
        proxy.refuses_upgrades = False
        view.page.click(".statebar button")
        view.until("live")
        server.book(1, name="By Socket")
        view.row("By Socket").wait_for()
        assert view.row("By Polling").count() == 1


def test_a_server_that_is_away(dashboard, server):
    """The page dims, tells the age of its data and the next attempt, and tries when asked to."""
    view = dashboard(server=server).sign_in(f"/?venue={GRILL}")
    server.end(signal.SIGKILL)
    view.until("connecting")
    bar = view.page.locator(".statebar")
    bar.locator("text=old").wait_for()
    assert "Connecting" in bar.text_content()
    server.start()
    bar.locator("button").dispatch_event("click")  # unless it has come back before
    view.until("live")
    bar.wait_for(state="hidden")


def test_two_tabs_are_two_sessions(dashboard, server):
    """A duplicated tab has a copy of the storage, and takes nothing from the first."""
    view = dashboard(server=server, bypass_csp=True).sign_in(f"/?venue={GRILL}")
    token = view.run("() => sessionStorage.getItem('rtdash.token')")
    other = view.context.new_page()
    other.add_init_script(f"sessionStorage.setItem('rtdash.token', '{token}')")
    other.goto(f"{view.url}/?venue={GRILL}")
    other.wait_for_selector('body[data-state="live"]')
    server.book(1, name="For Both")
    other.locator(".live .rows > li", has_text="For Both").wait_for()
    view.row("For Both").wait_for()


def test_too_many_connections(dashboard, tmp_path):
    """A user at the limit is told which limit it is, and comes in when a place is free."""
    own = Served(tmp_path / "limited", connections_per_user="1", requests_per_second="0")
    try:
        first = dashboard(server=own).sign_in()
        second = dashboard(server=own)
        second.page.goto(f"{own.url}/#code={second.code()}")
        second.page.wait_for_selector("text=Too many open dashboards")
        first.page.close()
    finally:
        own.end(signal.SIGKILL)
