"""Bad inputs of the page: strange names, foreign pages, tokens in addresses, missing storage,
faults of its own, and servers of another version.
"""

import pytest

from tests.browser.pages import GRILL
from tests.browser.proxy import proxied


@pytest.mark.parametrize("mark", ["?", "#"])
def test_a_token_in_the_address_is_ignored(dashboard, served, mark):
    """The page removes it, does not use it, and says so."""
    view = dashboard()
    view.page.goto(f"{view.url}/{mark}token={served.token()}")
    view.page.wait_for_selector("text=A token in the address is ignored")
    assert view.page.url == f"{view.url}/"


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>",
        "</li><script>alert(1)</script>",
        "Evil \u202eeman\u202c Guest",
        "אבגד 123 Guest",
        "W" * 200,
        "👩‍👩‍👧 Emoji 🇩🇪",
    ],
    ids=["markup", "script", "bidi mark", "hebrew", "long", "emoji"],
)
def test_names_are_text(dashboard, served, name):
    """Markup, bidi marks, length and emoji change nothing but the text of their own row."""
    view = dashboard(viewport={"width": 390, "height": 844}).sign_in()
    view.page.select_option(".top select", GRILL)
    view.until("live")
    served.book(1, name=name)
    cell = view.page.locator(".live .who bdi").first
    view.row(name[:20]).first.wait_for()
    assert cell.text_content() == name
    assert view.page.locator(".live img, .live script").count() == 0
    width = view.page.locator("html").evaluate("e => e.scrollWidth")
    assert width <= 390


def test_a_foreign_page_can_not_frame_it(dashboard, served):
    """The frame stays empty."""
    view = dashboard()
    view.page.goto(f"{view.url}/docs")
    view.page.set_content(f'<iframe src="{served.url}/"></iframe>')
    view.page.wait_for_timeout(500)
    [_, frame] = view.page.frames
    assert frame.locator("#app").count() == 0
    view.faults.clear()


def test_a_foreign_page_can_not_embed_it(dashboard, served):
    """Neither module nor picture nor socket, from a page of another origin; one of the same origin
    may.
    """
    embed = """async (from) => {
      const late = new Promise((resolve) => setTimeout(resolve, 10_000, "silence"));
      const outcome = (promise) => Promise.race([promise.then(() => "came", () => "refused"), late]);
      const picture = new Image();
      picture.src = `${from}/page/icon.svg`;
      const socket = new Promise((resolve, reject) => {
        const one = new WebSocket(`${from.replace("http", "ws")}/ws`, ["rtdash.v1"]);
        one.onopen = resolve;
        one.onerror = reject;
      });
      const [module, shown, open] = await Promise.all(
        [import(`${from}/rtdash.js`), picture.decode(), socket].map(outcome));
      return {module, picture: shown, socket: open};
    }"""
    with proxied(served.url) as foreign:
        view = dashboard(url=foreign.url, bypass_csp=True)
        foreign.refuses_upgrades = False
        view.page.goto(f"{foreign.url}/docs")
        assert view.run(embed, foreign.url) == dict.fromkeys(
            ("module", "picture", "socket"), "came"
        )
        assert view.run(embed, served.url) == dict.fromkeys(
            ("module", "picture", "socket"), "refused"
        )
        view.faults.clear()


def test_a_fault_of_a_panel(dashboard, served):
    """The fault reaches the console once, and the other panels and the feed go on."""
    view = dashboard()

    def break_tiles(route):
        """Answer with a module that fails in every frame."""
        source = route.fetch().text()
        broken = source.replace(
            "render(stats, days) {", "render(stats, days) { throw Error('bug');"
        )
        assert broken != source
        route.fulfill(body=broken, content_type="text/javascript")

    view.page.route("**/page/tiles.js", break_tiles)
    view.sign_in(f"/?venue={GRILL}")
    for number in range(3):
        served.book(1, name=f"Despite {number}")
        view.row(f"Despite {number}").wait_for()
    view.page.wait_for_selector(".trends .columns")
    assert [fault.splitlines()[0] for fault in view.faults] == ["Error: bug"]
    view.faults.clear()


def test_storage_that_is_switched_off(dashboard):
    """The page works, and forgets with the tab."""
    view = dashboard()
    view.context.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name, {get() { throw new DOMException('off'); }});"
    )
    view.sign_in()


def test_a_newer_server_is_noticed(dashboard):
    """A page of another build says so; a wall reloads by itself."""
    view = dashboard()
    view.page.route(
        "**/page/build.json",
        lambda route: route.fulfill(json={"build": "newer", "version": "9"}),
    )
    view.sign_in()
    view.page.wait_for_selector("text=The server has a newer page")


def test_a_wall_reloads_for_a_newer_page(dashboard, served):
    """By itself, and once: behind a cache the page may come back as it was."""
    view = dashboard()
    loads, asked = [], []
    view.page.on("load", lambda _: loads.append(1))

    def newer(route):
        """Answer with another build than the page's."""
        route.fulfill(json={"build": "newer", "version": "9"})
        asked.append(route)

    view.page.route("**/page/build.json", newer)
    view.page.goto(f"{view.url}/?wall#code={view.code(venues=[GRILL])}")
    while len(asked) < 2:
        view.page.wait_for_timeout(100)
    view.until("live")
    served.book(1, name="After Reload")
    view.row("AR").first.wait_for()
    view.page.wait_for_timeout(500)
    assert (len(loads), len(asked)) == (2, 2)


def test_a_zone_that_the_browser_does_not_know(dashboard, served):
    """Older browsers lack newer names of zones: times are UTC then, and say so."""
    view = dashboard()

    def rename(route):
        """Answer with venues in a zone of no browser."""
        profile = route.fetch().json()
        for venue in profile["venues"]:
            venue["timezone"] = "Europe/Atlantis"
        route.fulfill(json=profile)

    view.page.route("**/api/user/profile", rename)
    view.sign_in(f"/?venue={GRILL}")
    served.book(1, name="Atlantis Guest")
    view.row("Atlantis Guest").locator("text=UTC").wait_for()
    assert "UTC" in view.page.text_content(".clock")
