"""Every state of the page, and how it comes about: for the checker of accessibility, and for
pictures (`python -m tests.browser.pictures`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2

from tests.browser.pages import GRILL, HOTEL, Dashboard
from tests.browser.proxy import proxied
from tests.client.processes import Served

PHONE = {"viewport": {"width": 390, "height": 844}}
WALL = {"viewport": {"width": 1920, "height": 1080}}


@dataclass(frozen=True, slots=True)
class Stage:
    """What states are made of. `open_page` takes options of the browser's context, `url` and
    `server`; the hotel of `empty` has no reservation.
    """

    open_page: Callable[..., Dashboard]
    server: Served
    empty: Served


State = Callable[[Stage], Any]
STATES: dict[str, State] = {}
"""Context manager of each state, by name: gives the page that is in it."""


def _state(make: Callable[[Stage], Iterator[Dashboard]]) -> State:
    bring: State = contextmanager(make)
    STATES[make.__name__] = bring
    return bring


def _ready(view: Dashboard) -> Dashboard:
    view.page.wait_for_selector(".trends .content > *")
    return view


@_state
def signed_out(stage: Stage) -> Iterator[Dashboard]:
    """No user is signed in."""
    view = stage.open_page()
    view.page.goto(view.url)
    view.page.wait_for_selector(".gate")
    yield view


@_state
def refused(stage: Stage) -> Iterator[Dashboard]:
    """The code of the address was used or has expired."""
    view = stage.open_page()
    view.page.goto(f"{view.url}/#code={view.code(code_ttl=timedelta(seconds=-1))}")
    view.page.wait_for_selector(".gate")
    yield view


@_state
def revoked(stage: Stage) -> Iterator[Dashboard]:
    """The token was revoked while the page was open."""
    view = stage.open_page().sign_in(user="leaver")
    httpx2.post(
        f"{stage.server.url}/api/admin/revocations",
        json={"sub": "leaver"},
        headers={"Authorization": f"Bearer {stage.server.token()}"},
    ).raise_for_status()
    view.page.wait_for_selector(".gate")
    yield view


@_state
def no_venue(stage: Stage) -> Iterator[Dashboard]:
    """The token is for no venue."""
    view = stage.open_page()
    view.page.goto(f"{view.url}/#code={view.code(venues=[])}")
    view.page.wait_for_selector(".gate")
    yield view


@_state
def hotel(stage: Stage) -> Iterator[Dashboard]:
    """Live, at a hotel."""
    view = stage.open_page().sign_in(f"/?venue={HOTEL}")
    view.page.wait_for_selector(".strip li")
    yield _ready(view)


@_state
def restaurant(stage: Stage) -> Iterator[Dashboard]:
    """Live, at a restaurant."""
    yield _ready(stage.open_page().sign_in(f"/?venue={GRILL}"))


@_state
def phone(stage: Stage) -> Iterator[Dashboard]:
    """Live, on a phone."""
    yield _ready(stage.open_page(**PHONE).sign_in(f"/?venue={HOTEL}"))


@_state
def german(stage: Stage) -> Iterator[Dashboard]:
    """Live, in the second language."""
    yield _ready(stage.open_page(locale="de-DE").sign_in(f"/?venue={HOTEL}"))


@_state
def wall(stage: Stage) -> Iterator[Dashboard]:
    """A wall display."""
    view = stage.open_page(**WALL).sign_in("/?wall", venues=[HOTEL])
    view.page.wait_for_selector(".strip li")
    yield view


@_state
def printed(stage: Stage) -> Iterator[Dashboard]:
    """On paper."""
    view = _ready(stage.open_page().sign_in(f"/?venue={HOTEL}"))
    view.page.emulate_media(media="print")
    yield view


@_state
def empty(stage: Stage) -> Iterator[Dashboard]:
    """Live, before the first reservation."""
    view = stage.open_page(server=stage.empty)
    yield _ready(view.sign_in(f"/?venue={HOTEL}"))


@_state
def connecting(stage: Stage) -> Iterator[Dashboard]:
    """Never live yet: the socket opens, and nothing is answered."""
    view = stage.open_page()
    view.page.route_web_socket("**/ws*", lambda _: None)
    view.page.goto(f"{view.url}/?venue={HOTEL}#code={view.code()}")
    view.page.wait_for_selector(".statebar:visible")
    yield view


@_state
def reconnecting(stage: Stage) -> Iterator[Dashboard]:
    """The server went away: what is shown grows old."""
    with proxied(stage.server.url) as proxy:
        proxy.refuses_upgrades = False
        view = _ready(stage.open_page(url=proxy.url).sign_in(f"/?venue={HOTEL}"))
        proxy.close_connections()
        view.page.wait_for_selector(".statebar >> text=old")
        yield view


@_state
def polling(stage: Stage) -> Iterator[Dashboard]:
    """The network lets no WebSocket through."""
    with proxied(stage.server.url) as proxy:
        view = stage.open_page(url=proxy.url)
        view.page.goto(f"{proxy.url}/?venue={HOTEL}#code={view.code()}")
        view.until("polling")
        yield _ready(view)


@_state
def too_many(stage: Stage) -> Iterator[Dashboard]:
    """The user has more dashboards open than are allowed."""
    view = stage.open_page()
    view.page.route_web_socket("**/ws*", lambda socket: socket.close(code=4007, reason="too many"))
    view.page.goto(f"{view.url}/?venue={HOTEL}#code={view.code()}")
    view.page.wait_for_selector("text=Too many open dashboards")
    yield view


@_state
def newer_server(stage: Stage) -> Iterator[Dashboard]:
    """The server has another build of the page."""
    view = stage.open_page()
    view.page.route(
        "**/page/build.json", lambda route: route.fulfill(json={"build": "newer", "version": "9"})
    )
    view.sign_in(f"/?venue={HOTEL}")
    view.page.wait_for_selector("text=The server has a newer page")
    yield _ready(view)


@_state
def paused(stage: Stage) -> Iterator[Dashboard]:
    """Changes wait."""
    view = _ready(stage.open_page().sign_in(f"/?venue={HOTEL}"))
    view.page.keyboard.press("p")
    view.page.wait_for_selector("text=changes wait")
    yield view


@_state
def strange_names(stage: Stage) -> Iterator[Dashboard]:
    """Guests named with markup, marks of direction, and at length."""
    view = _ready(stage.open_page().sign_in(f"/?venue={GRILL}"))
    names = ["<b>Bold</b> \u202eeman\u202c", "\u05d0\u05d1\u05d2 123 Guest", "Length " + "W" * 190]
    for name in names:
        stage.server.book(1, name=name)
        view.row(name[:6]).first.wait_for()
    yield view


@_state
def list_of_a_tile(stage: Stage) -> Iterator[Dashboard]:
    """The reservations behind a figure."""
    view = _ready(stage.open_page().sign_in(f"/?venue={GRILL}"))
    view.page.locator("#value-reservations").click()
    view.page.wait_for_selector("dialog[open]")
    yield view


@_state
def settings(stage: Stage) -> Iterator[Dashboard]:
    """The settings."""
    view = _ready(stage.open_page().sign_in(f"/?venue={GRILL}"))
    view.page.locator('[aria-label="Settings"]').click()
    view.page.wait_for_selector("dialog[open]")
    yield view


@_state
def keys(stage: Stage) -> Iterator[Dashboard]:
    """The keys."""
    view = _ready(stage.open_page().sign_in(f"/?venue={GRILL}"))
    view.page.keyboard.press("?")
    view.page.wait_for_selector("dialog[open]")
    yield view
