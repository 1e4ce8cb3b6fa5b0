"""Looks and use of the page: accessible, on every screen, in two languages."""

import re

import httpx2
import pytest

from tests.browser.pages import GRILL, HOTEL
from tests.browser.states import STATES, Stage
from tests.web.npm import needs, run

AXE = "axe-core@4.14.1"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The checker of accessibility, installed outside the project."""
    folder = tmp_path_factory.mktemp("axe")
    done = run(needs("npm"), "install", "--no-save", "--no-audit", "--no-fund", AXE, cwd=folder)
    if done.returncode:
        pytest.skip(f"npm could not install {AXE}: {done.stderr[-300:]}")
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture
def finds_nothing(axe):
    """Check that the page, as it stands, has no fault that the checker knows."""

    def check(view):
        view.run(f"() => {{ {axe} }}")
        found = view.run("rules => axe.run({runOnly: rules})", RULES)["violations"]
        assert found == [], [(one["id"], [n["target"] for n in one["nodes"]]) for one in found]

    return check


@pytest.fixture(scope="module", autouse=True)
def bookings(served):
    """Bookings for the page to show."""
    served.book(8, name="Grace Hopper")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("state", STATES)
def test_accessible_in_every_state(dashboard, finds_nothing, served, state):
    """The checker finds nothing, light or dark."""

    def open_page(**context):
        return dashboard(**{"bypass_csp": True, "reduced_motion": "reduce", **context})

    with STATES[state](Stage(open_page, served, empty=served)) as view:
        for scheme in ("light", "dark"):
            view.page.emulate_media(color_scheme=scheme)
            finds_nothing(view)


def test_a_phone_needs_no_sideways_scroll(dashboard):
    """390 pixels are enough, at both venues and in each dialog."""
    view = dashboard(viewport={"width": 390, "height": 844}).sign_in(f"/?venue={GRILL}")
    for venue in (GRILL, HOTEL):
        view.page.select_option(".top select", venue)
        view.page.wait_for_selector(".trends .content > *")
        assert view.page.locator("html").evaluate("e => e.scrollWidth") <= 390
    view.page.locator('[aria-label="Settings"]').click()
    assert view.page.locator("html").evaluate("e => e.scrollWidth") <= 390


def test_keyboard(dashboard, served):
    """`/` searches, `p` pauses, `?` shows the keys; letters in a field are letters."""
    view = dashboard().sign_in(f"/?venue={GRILL}")
    served.book(1, name="Ada Lovelace")
    view.row("Ada Lovelace").wait_for()
    view.page.keyboard.press("/")
    view.page.keyboard.type("lovelace p?")
    assert view.page.locator("dialog[open]").count() == 0
    view.page.fill("#search", "lovelace")
    view.row("Ada Lovelace").wait_for()
    view.row("Grace Hopper").first.wait_for(state="detached")
    view.page.fill("#search", "")
    view.page.locator("h2").first.click()
    view.page.keyboard.press("p")
    served.book(1, name="Mary Jackson")
    view.page.wait_for_selector("text=changes wait")
    assert view.row("Mary Jackson").count() == 0
    view.page.keyboard.press("p")
    view.row("Mary Jackson").wait_for()
    view.page.keyboard.press("?")
    view.page.wait_for_selector("dialog[open] >> text=pause and continue")


def test_no_motion_where_none_is_wanted(dashboard, served):
    """A new row is marked, and nothing moves."""
    view = dashboard(reduced_motion="reduce").sign_in(f"/?venue={GRILL}")
    served.book(1, name="Still Life")
    view.row("Still Life").wait_for()
    assert view.row("Still Life").evaluate("e => getComputedStyle(e).animationName") == "none"
    assert view.page.locator(".dot").evaluate("e => getComputedStyle(e).animationName") == "none"


def test_a_wall_shows_no_names_and_no_money(dashboard, served):
    """Initials instead of names, no amounts, no controls."""
    view = dashboard().sign_in("/?wall", venues=[GRILL])
    served.book(1, name="Katherine Johnson")
    view.row("KJ").first.wait_for()
    view.page.wait_for_selector(".covers .content > *")
    text = view.page.inner_text("body")
    assert "Johnson" not in text
    assert "€" not in text
    assert view.page.locator("button:visible, select:visible, input:visible").count() == 0


def test_paper_has_no_controls(dashboard):
    """Printed, the page is figures and lists."""
    view = dashboard().sign_in(f"/?venue={GRILL}")
    view.page.emulate_media(media="print")
    assert view.page.locator(".tools").is_hidden()
    assert view.page.locator("#search").is_hidden()
    assert view.page.locator(".tile").first.is_visible()


def test_the_other_language(dashboard):
    """A browser in German gets German words, dates and figures."""
    view = dashboard(locale="de-DE").sign_in(f"/?venue={GRILL}")
    text = view.page.inner_text("body")
    assert "Reservierungen" in text
    assert re.search(r"\d\d:\d\d", view.page.text_content(".clock"))
    assert view.page.locator("html").get_attribute("lang") == "de"
    assert "Reservations" not in text


def test_the_theme_is_kept(dashboard):
    """Chosen once, dark after a reload, too."""
    view = dashboard(color_scheme="light").sign_in()
    ground = "e => getComputedStyle(e).backgroundColor"
    light = view.page.locator("body").evaluate(ground)
    view.page.keyboard.press("t")
    view.page.keyboard.press("t")
    view.page.reload()
    view.until("live")
    assert view.page.locator("body").evaluate(ground) != light


def test_critical_notices_are_announced(dashboard, served):
    """In an alert, summed up, at most one in five seconds; marked read, they are counted no more."""
    view = dashboard().sign_in(f"/?venue={GRILL}")
    operation = {
        "operationId": "large-party",
        "op": "book",
        "kind": "restaurant",
        "customerName": "Large Party",
        "guests": 20,
        "source": "Phone",
        "date": "2031-01-02T19:00:00Z",
    }
    headers = {"Authorization": f"Bearer {served.token()}"}
    httpx2.post(
        f"{served.url}/api/operations", json=[operation], headers=headers
    ).raise_for_status()
    view.page.wait_for_selector(".notices li >> text=Large Party")
    assert view.page.locator(".badge").text_content() == "1"
    view.page.click("text=Mark all as read")
    view.page.wait_for_selector(".badge:text-is('')", state="attached")


def test_the_clock_is_the_venues(dashboard):
    """A browser in another zone shows the time at the venue."""
    view = dashboard(timezone_id="Pacific/Auckland").sign_in(f"/?venue={GRILL}")
    other = dashboard(timezone_id="America/Lima").sign_in(f"/?venue={GRILL}")
    first, second = (one.page.text_content(".clock") for one in (view, other))
    minutes = [int(text[:2]) * 60 + int(text[3:5]) for text in (first, second)]
    assert abs(minutes[0] - minutes[1]) <= 1
