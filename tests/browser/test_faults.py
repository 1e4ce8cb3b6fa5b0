"""The page without its socket, its server or its place; tests/browser/test_ledger.py counts what
is shown over such faults.
"""

import signal

from tests.browser.pages import GRILL
from tests.browser.proxy import proxied
from tests.client.processes import Served


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
    """A page that was left, was not kept, and is gone back to shows what happened meanwhile, and
    is live.
    """
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
    server.book(1, name="Before Polling")
    with proxied(server.url) as proxy:
        view = dashboard(server=server, url=proxy.url)
        view.page.goto(f"{proxy.url}/?venue={GRILL}#code={view.code()}")
        view.until("polling")
        view.row("Before Polling").wait_for()
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
    """The page dims, shows the age of its data and the time to the next attempt, and tries at once
    when asked to.
    """
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
    """A user at the limit sees which limit it is, and gets in when a place is free."""
    own = Served(tmp_path / "limited", connections_per_user="1", requests_per_second="0")
    try:
        first = dashboard(server=own).sign_in()
        second = dashboard(server=own)
        second.page.goto(f"{own.url}/#code={second.code()}")
        second.page.wait_for_selector("text=Too many open dashboards")
        first.page.close()
    finally:
        own.end(signal.SIGKILL)
