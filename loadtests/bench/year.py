"""A busy hotel's year, 100,000 reservations: how long its reports take, and how late the event loop is while it works.

The store is made once a run of the suite, by operations with `at` as any past is loaded.
"""

import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from itertools import islice

import jwt
from bench import HELLO, Bench, Figures
from processes import SECRET, Server, Subscription, counting, rtdash
from traffic import OPERATIONS, STATS, Caller

HOTEL = "grand-hotel"
DAYS = 365
VISITED, CANCELLED, CHARGED = 0.7, 0.9, 0.5
"""Shares of the reservations: came and left; the next fifth cancelled; of those who came, charged for more than the room."""
REPORTS = {
    "trends": "/api/dashboard/trends",
    "by_category": "/api/dashboard/revenue/by-category",
    "sources": "/api/dashboard/reservations/sources",
    "frequency": "/api/dashboard/customers/frequency",
}
_LAG = "rtdash_loop_lag_max_seconds"
_VENUES = """[[venue]]
id = "grand-hotel"
name = "Grand Hotel"
kind = "hotel"
timezone = "Europe/Lisbon"
currency = "EUR"
allowOverbooking = true
roomTypes = [
  { id = "single", name = "Single", capacity = 2, baseRate = 80, totalRooms = 400 },
  { id = "double", name = "Double", capacity = 4, baseRate = 120, totalRooms = 600 },
]

[[venue]]
id = "grand-grill"
name = "Grand Grill"
kind = "restaurant"
timezone = "Europe/Lisbon"
currency = "EUR"
"""


def reports(bench: Bench) -> Figures:
    """Milliseconds of each report over its longest period, median of nine; and the slowest of all requests, the first included."""
    with _year(bench) as server:
        caller, took = Caller(server), {name: [] for name in REPORTS}
        for _ in range(9):
            for name, path in REPORTS.items():
                start = time.perf_counter()
                caller.call("GET", f"{path}?venue={HOTEL}&period=monthly")
                took[name].append((time.perf_counter() - start) * 1e3)
    return {f"{name}_ms": statistics.median(of) for name, of in took.items()} | {"slowest_ms": max(max(of) for of in took.values())}


def lag(bench: Bench) -> Figures:
    """The event loop's greatest lateness, in milliseconds, while a year's store serves each kind of work; and when nothing is done."""
    tokens = [_token(number) for number in range(bench.size(1_000))]
    with _year(bench) as server, counting(bench.directory, server.port, Subscription(f"/ws?token={server.token}", HELLO), 50, 0):
        caller = Caller(server)
        works: dict[str, Callable[[], object]] = {
            "idle": lambda: time.sleep(1),
            "lists_of_100": lambda: caller.post_lists(bench.size(3_000)),
            "lists_of_1000": lambda: caller.post_lists(bench.size(5_000), size=1_000),
            "reports": lambda: [caller.call("GET", f"{path}?venue={HOTEL}&period=monthly") for path in REPORTS.values() for _ in range(5)],
            "long_pages": lambda: [caller.call("GET", f"/api/hotel/bookings?venue={HOTEL}&limit=500") for _ in range(20)],
            "tokens": lambda: [caller.call("GET", STATS, headers={"Authorization": f"Bearer {token}"}) for token in tokens],
        }
        for work in works.values():
            work()  # what the first of its kind builds
        return {f"{name}_ms": _greatest_lag_ms(caller, work) for name, work in works.items()}


def _greatest_lag_ms(caller: Caller, work: Callable[[], object]) -> float:
    caller.read("/metrics")  # the gauge begins anew with each look
    work()
    (line,) = (line for line in caller.read("/metrics").splitlines() if line.startswith(_LAG))
    return float(line.split()[1]) * 1e3


def _year(bench: Bench) -> AbstractContextManager[Server]:
    data = bench.directory / "year"
    venues = bench.directory / "year.toml"
    if not data.exists():
        venues.write_text(_VENUES)
        with rtdash(data, "--venues", str(venues)) as server:
            _load(Caller(server), bench.size(100_000))
    return rtdash(data, keep=True)


def _load(caller: Caller, number: int) -> None:
    """All operations, 1,000 a request."""
    rng = random.Random(1)  # noqa: S311 - the same year each time
    today = datetime.now(UTC).date()
    operations = (operation for place in range(number) for operation in _stay(place, rng, today))
    while chosen := list(islice(operations, 1_000)):
        answer = caller.post(OPERATIONS, json.dumps(chosen))
        if b'"refused"' in answer:
            raise RuntimeError(f"the year can't be loaded: {answer[:500]!r}")


def _stay(place: int, rng: random.Random, today: date) -> Iterator[dict[str, object]]:
    """One reservation's operations, in order of their instants; all of them lie in the past."""
    nights, fate, lead = rng.randint(1, 6), rng.random(), rng.randint(1, 60)
    arrival = today - timedelta(days=rng.randint(nights + 1, DAYS))
    email = f"guest{rng.randrange(60_000)}@example.com"

    def operation(op: str, days: int, **more: object) -> dict[str, object]:
        instant = datetime(arrival.year, arrival.month, arrival.day, 16, tzinfo=UTC) + timedelta(days=days)
        place_in_time = {"operationId": f"{place}-{op}", "op": op, "kind": "hotel", "venue": HOTEL, "reservationId": f"r{place}"}
        return {**place_in_time, "at": instant.isoformat(), **more}

    yield operation(
        "book",
        -lead,
        customerName="John Smith",
        customerEmail=email,
        guests=rng.randint(1, 2),
        source=rng.choice(["Website", "Phone", "Booking.com", "Expedia", "Walk-in"]),
        roomType=rng.choice(["single", "double"]),
        checkIn=arrival.isoformat(),
        checkOut=(arrival + timedelta(days=nights)).isoformat(),
    )
    if fate < VISITED:
        yield operation("check_in", 0)
        if rng.random() < CHARGED:
            yield operation("charge", 0, category=rng.choice(["Restaurant", "Bar", "Spa"]), amount=rng.randint(5, 200))
        yield operation("check_out", nights)
    elif fate < CANCELLED:
        yield operation("cancel", -1)


def _token(number: int) -> str:
    """A token that the server has not seen."""
    now = int(time.time())
    scope = "hotel:read hotel:write restaurant:read restaurant:write"
    claims = {"sub": f"user{number}", "jti": f"{number}-{now}", "iat": now, "exp": now + 600, "scope": scope, "venues": ["*"]}
    return jwt.encode(claims, SECRET, algorithm="HS256")
