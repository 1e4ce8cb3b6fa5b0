"""The dashboard page in Chromium: signing in, what it shows, and under which rules it runs."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx2

from tests.browser.pages import GRILL, HOTEL
from tests.client.processes import Served


def rest(served, path, **params):
    """The answer of the REST interface."""
    headers = {"Authorization": f"Bearer {served.token()}"}
    answer = httpx2.get(served.url + path, params=params, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def book_rooms(served, names, **fields):
    """Book a room for each name, from tonight on: the hotel's day begins hours after midnight."""
    stats = rest(served, "/api/dashboard/stats", venue=HOTEL)
    today = date.fromisoformat(stats["businessDate"])
    operations = [
        {
            "operationId": f"room-{name.replace(chr(32), chr(45))}",
            "op": "book",
            "kind": "hotel",
            "customerName": name,
            "guests": 2,
            "source": "Phone",
            "roomType": "double",
            "checkIn": today.isoformat(),
            "checkOut": (today + timedelta(days=2)).isoformat(),
            **fields,
        }
        for name in names
    ]
    answer = httpx2.post(
        f"{served.url}/api/operations",
        json=operations,
        headers={"Authorization": f"Bearer {served.token()}"},
        timeout=30,
    )
    outcomes = answer.json()["outcomes"]
    assert all(one["outcome"] == "applied" for one in outcomes), outcomes


def book_table(served, name, date):
    """Book a table for that instant."""
    operation = {
        "operationId": f"table-{name.replace(chr(32), chr(45))}",
        "op": "book",
        "kind": "restaurant",
        "customerName": name,
        "guests": 2,
        "source": "Phone",
        "date": date,
    }
    answer = httpx2.post(
        f"{served.url}/api/operations",
        json=[operation],
        params={"venue": GRILL},
        headers={"Authorization": f"Bearer {served.token()}"},
        timeout=30,
    )
    assert answer.json()["outcomes"][0]["outcome"] == "applied", answer.text


def test_a_code_signs_in_and_leaves_the_address(dashboard):
    """The page is live, the address bare, the token nowhere but in this tab's storage."""
    view = dashboard(bypass_csp=True).sign_in()
    assert view.page.url == f"{view.url}/"
    assert view.run("() => Object.keys(sessionStorage)") == ["rtdash.token"]
    token = view.run("() => sessionStorage.getItem('rtdash.token')")
    assert not any(token in url for url in view.requests)
    assert view.run("t => !JSON.stringify(localStorage).includes(t)", token)
    assert view.context.cookies() == []


def test_a_code_works_once_and_for_a_minute(dashboard):
    """A used and an expired code are refused with a reason, and the way in."""
    code = dashboard().code()
    dashboard().sign_in(code=code)
    for given in (code, dashboard().code(code_ttl=timedelta(seconds=-1)), "nonsense"):
        view = dashboard()
        view.page.goto(f"{view.url}/#code={given}")
        assert "used or has expired" in view.page.text_content("h1")
        assert "rtdash open" in view.page.text_content("pre")


def test_a_pasted_token_signs_in(dashboard, served):
    """Without a code a token can be pasted; one that is not valid is refused in words."""
    view = dashboard()
    view.page.goto(view.url)
    assert "Sign in" in view.page.text_content("h1")
    view.page.fill("#token", "nonsense")
    view.page.click("button.primary")
    view.page.wait_for_selector("text=The sign-in is not valid")
    view.page.fill("#token", served.token())
    view.page.click("button.primary")
    view.until("live")


def test_no_venue(dashboard):
    """A token without a venue, or without the right to read, says so."""
    for claims in ({"venues": []}, {"scopes": ["hotel:write"]}):
        view = dashboard()
        view.page.goto(f"{view.url}/#code={view.code(**claims)}")
        view.page.wait_for_selector("text=No venue for this sign-in")


def test_it_runs_under_its_policy(dashboard, served):
    """Not one violation, nothing from elsewhere, at most 20 files, all of them preloaded."""
    view = dashboard()
    view.page.goto(view.url)
    view.page.wait_for_selector(".gate")
    files = [url for url in view.requests if "/api/" not in url]
    assert all(url.startswith(view.url) for url in view.requests)
    assert len(files) <= 20
    view.sign_in()
    served.book(1, name="Policy Probe")
    view.page.select_option(".top select", GRILL)
    view.row("Policy Probe").wait_for()
    # what the policy stops is written to the console, where the fixture finds it
    assert all(url.startswith((view.url, "ws://127.0.0.1")) for url in view.requests)


def test_tiles_are_the_figures_of_rest(dashboard, served):
    """After operations each tile shows what REST says, and a click shows whom it counts."""
    view = dashboard().sign_in()
    book_rooms(served, [f"Tile Guest {number}" for number in range(5)], paid=240, amount=240)
    book_rooms(served, ["Tile Debtor"], amount=410.5)
    stats = rest(served, "/api/dashboard/stats", venue=HOTEL)["stats"]
    assert stats["prepaidReservations"] >= 5
    for name, field in (
        ("reservations", "reservationsToday"),
        ("prepaid", "prepaidReservations"),
        ("guests", "expectedGuests"),
    ):
        view.page.wait_for_selector(f"#value-{name}:text-is('{stats[field]}')")
    assert "410.50" in view.page.text_content("#value-pending")
    view.page.click("#value-pending")
    view.page.wait_for_selector("dialog[open] >> text=Tile Debtor")
    assert view.page.locator("dialog[open] tbody tr").count() == 1


def test_movements_and_rooms(dashboard, served):
    """Arrivals, rooms by type and the next nights follow, at most five seconds later."""
    book_rooms(served, ["Movement Guest"])
    movements = rest(served, "/api/hotel/movements", venue=HOTEL)
    view = dashboard().sign_in()
    arrivals = f"text=/ {movements['arrivals']['expected']}"
    view.page.wait_for_selector(f".movements dd >> {arrivals}")
    free = rest(served, "/api/channels/hotel_stats/events", venue=HOTEL)["events"]
    rooms = next(one["availability"] for one in free if "availability" in one)
    view.page.wait_for_selector(f"text={rooms['availableRooms']} of {rooms['totalRooms']} free")
    assert view.page.locator(".strip li").count() == 14


def test_room_types_are_named_as_the_hotel_names_them(dashboard, served):
    """In the rows, also in those that are there before the names, and in tonight's rooms."""
    types = rest(served, "/api/hotel/room-types", venue=HOTEL)["roomTypes"]
    name = next(one["name"] for one in types if one["id"] == "suite")
    assert name != "suite"
    view, held = dashboard(), []

    def hold(route):
        """Keep the list back."""
        held.append(route)

    view.page.route("**/api/hotel/room-types*", hold, times=1)
    view.sign_in()
    book_rooms(served, ["Suite Guest"], roomType="suite")
    view.row("Suite Guest").locator("text=· suite ·").wait_for()
    held[0].continue_()
    view.row("Suite Guest").locator(f"text=· {name} ·").wait_for()
    view.page.wait_for_selector(f".rooms .types >> text={name}")


def test_a_booking_appears_at_once_and_changes_in_place(dashboard, served):
    """A new row on top, highlighted; a change of it stays where it is."""
    view = dashboard().sign_in()
    view.page.select_option(".top select", GRILL)
    view.until("live")
    served.book(1, name="First Guest")
    view.row("First Guest").wait_for()
    assert "fresh" in view.row("First Guest").get_attribute("class")
    served.book(1, name="Second Guest")
    view.row("Second Guest").wait_for()
    ids = view.page.locator(".live .rows > li").evaluate_all("all => all.map(e => e.dataset.id)")
    assert ids[0] == view.row("Second Guest").get_attribute("data-id")
    headers = {"Authorization": f"Bearer {served.token()}"}
    httpx2.patch(
        f"{served.url}/api/restaurant/reservations/{ids[1]}",
        json={"operationId": "change-1", "op": "cancel"},
        params={"venue": GRILL},
        headers=headers,
    ).raise_for_status()
    view.row("First Guest").locator("text=Cancelled").wait_for()
    after = view.page.locator(".live .rows > li").evaluate_all("all => all.map(e => e.dataset.id)")
    assert after[:2] == ids[:2]


def test_upcoming_reservations_are_read_again(dashboard, served):
    """Time alone brings new ones into the next 24 hours; an event that comes while the list is on
    its way counts, too.
    """
    view = dashboard()
    view.page.clock.install()
    view.sign_in(f"/?venue={GRILL}")
    view.page.locator(".panel.upcoming .empty:visible, .rows.upcoming li").first.wait_for()
    soon = (datetime.now(UTC) + timedelta(hours=2)).isoformat()

    def answer_late(route):
        """The list as it was before the booking."""
        old = route.fetch()
        book_table(served, "Meanwhile Guest", soon)
        view.row("Meanwhile Guest").wait_for()
        route.fulfill(response=old)

    view.page.route("**/api/reservations/upcoming*", answer_late, times=1)
    with view.page.expect_response("**/api/reservations/upcoming*"):
        view.page.clock.run_for(61_000)
    view.page.clock.run_for(2_000)
    view.page.locator(".rows.upcoming li", has_text="Meanwhile Guest").wait_for()


def test_nights_begin_with_the_hotels_own_day(dashboard, tmp_path):
    """Hours after midnight, before the venue's date turns, rooms and nights are those of the
    business date, from the page's opening on.
    """
    zone = "UTC" if datetime.now(UTC).hour < 21 else "Asia/Tokyo"
    text = (Path(__file__).parents[2] / "fixtures" / "venues" / "default.toml").read_text()
    text = text.replace('"Europe/Lisbon"', f'"{zone}"')
    text = text.replace("closeoutHour = 3", "closeoutHour = 23", 1)
    text = text.replace('checkInTime = "15:00"', 'checkInTime = "23:00"')
    (tmp_path / "venues.toml").write_text(text)
    late = Served(tmp_path / "data", venues=str(tmp_path / "venues.toml"))
    try:
        book_rooms(late, ["Night Guest"])
        today = date.fromisoformat(rest(late, "/api/dashboard/stats")["businessDate"])
        assert today < datetime.now(ZoneInfo(zone)).date()
        view = dashboard(server=late, url=late.url).sign_in(venues=[HOTEL])
        day = f"{today:%a} {today.day} {today:%b}"
        view.page.locator(".nights li:first-child", has_text=day).wait_for(timeout=30_000)
        view.page.locator(".rooms", has_text="25 / 26").wait_for()
    finally:
        late.end()


def test_signing_out_revokes_the_token(dashboard):
    """The token is gone from the tab, and good for nothing any more."""
    view = dashboard(bypass_csp=True).sign_in()
    token = view.run("() => sessionStorage.getItem('rtdash.token')")
    view.page.click("text=Sign out")
    view.page.wait_for_selector(".gate")
    assert view.run("() => sessionStorage.length") == 0
    answer = httpx2.get(
        f"{view.url}/api/user/profile", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 401


def test_revoked_while_open(dashboard, served):
    """The page says that the sign-in was revoked, and offers the way in."""
    view = dashboard().sign_in(user="leaver")
    httpx2.post(
        f"{served.url}/api/admin/revocations",
        json={"sub": "leaver"},
        headers={"Authorization": f"Bearer {served.token()}"},
    ).raise_for_status()
    view.page.wait_for_selector("text=Your sign-in was revoked")
