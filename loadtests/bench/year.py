"""A busy hotel's year, 100,000 reservations: how long its reports take, and how late the event loop
is while it works.

The store is made once a run of the suite; the rows go straight into the tables that reports and
lists read.
"""

import random
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import jwt
from bench import HELLO, Bench, Figures
from processes import SECRET, Server, Subscription, counting, rtdash
from traffic import STATS, Caller

HOTEL = "grand-hotel"
ZONE = "Europe/Lisbon"
DAYS = 365
VISITED, CANCELLED, CHARGED = 0.7, 0.9, 0.5
"""Shares of the guests: came and left; with those, cancelled; of those that came, charged for more
than the room."""
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
    """Milliseconds of each report over its longest period, median of nine; and the slowest of all
    requests, the first included.
    """
    with _year(bench) as server:
        caller, took = Caller(server), {name: [] for name in REPORTS}
        for _ in range(9):
            for name, path in REPORTS.items():
                start = time.perf_counter()
                caller.call("GET", f"{path}?venue={HOTEL}&period=monthly")
                took[name].append((time.perf_counter() - start) * 1e3)
    return {f"{name}_ms": statistics.median(of) for name, of in took.items()} | {
        "slowest_ms": max(max(of) for of in took.values())
    }


def lag(bench: Bench) -> Figures:
    """The event loop's greatest lateness, in milliseconds, while a year's store serves each kind of
    work; and when nothing is done.
    """
    tokens = [_token(number) for number in range(bench.size(1_000))]
    with (
        _year(bench) as server,
        counting(
            bench.directory, server.port, Subscription(f"/ws?token={server.token}", HELLO), 50, 0
        ),
    ):
        caller = Caller(server)
        works: dict[str, Callable[[], object]] = {
            "idle": lambda: time.sleep(1),
            "lists_of_100": lambda: caller.post_lists(bench.size(3_000)),
            "lists_of_1000": lambda: caller.post_lists(bench.size(5_000), size=1_000),
            "reports": lambda: [
                caller.call("GET", f"{path}?venue={HOTEL}&period=monthly")
                for path in REPORTS.values()
                for _ in range(5)
            ],
            "long_pages": lambda: [
                caller.call("GET", f"/api/hotel/bookings?venue={HOTEL}&limit=500")
                for _ in range(20)
            ],
            "tokens": lambda: [
                caller.call("GET", STATS, headers={"Authorization": f"Bearer {token}"})
                for token in tokens
            ],
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
    data, venues = bench.directory / "year", bench.directory / "year.toml"
    if not data.exists():
        venues.write_text(_VENUES)
        with rtdash(data, "--venues", str(venues)):
            pass
        _fill(data, bench.size(100_000))
    return rtdash(data, keep=True)


def _fill(data: Path, number: int) -> None:
    """The rows that reports and lists read."""
    rng = random.Random(1)  # noqa: S311
    today = datetime.now(UTC).date()
    stays = [_stay(place, rng, today) for place in range(number)]
    charges = [
        _charge(stay, rng)
        for stay in stays
        if stay["status"] == "CheckedOut" and rng.random() < CHARGED
    ]
    (stored,) = data.glob("*.db")
    with sqlite3.connect(stored) as store:
        for table, rows in (("reservations", stays), ("charges", charges)):
            names = ", ".join(rows[0])
            marks = ", ".join(f":{name}" for name in rows[0])
            # our own names
            store.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608
    store.close()


def _stay(place: int, rng: random.Random, today: date) -> dict[str, object]:
    nights, fate, kind = rng.randint(1, 6), rng.random(), rng.choice(["single", "double"])
    arrival = today - timedelta(days=rng.randint(nights + 1, DAYS))
    start = datetime(arrival.year, arrival.month, arrival.day, 15, tzinfo=ZoneInfo(ZONE))
    start_ms = int(start.timestamp() * 1000)
    email = f"guest{rng.randrange(60_000)}@example.com"
    amount = nights * rng.randint(8_000, 15_000)
    return {
        "id": f"r{place}",
        "venue": HOTEL,
        "kind": "hotel",
        "customer_name": "John Smith",
        "customer_email": email,
        "customer_key": email,
        "guests": rng.randint(1, 2),
        "status": (
            "CheckedOut" if fate < VISITED else "Cancelled" if fate < CANCELLED else "Confirmed"
        ),
        "source": rng.choice(["Website", "Phone", "Booking.com", "Expedia", "Walk-in"]),
        "amount": amount,
        "charged": 0,
        "paid": amount,
        "start": start_ms,
        "local_start": f"{start.isoformat(timespec='milliseconds')}[{ZONE}]",
        "local_of": start_ms,
        "business_date": arrival.isoformat(),
        "created_at": start_ms,
        "changed_at": start_ms,
        "version": 1,
        "room_type": kind,
        "check_in": arrival.isoformat(),
        "check_out": (arrival + timedelta(days=nights)).isoformat(),
        "operation_id": f"book-{place}",
    }


def _charge(stay: dict[str, object], rng: random.Random) -> dict[str, object]:
    amount, category = rng.randint(500, 20_000), rng.choice(["Restaurant", "Bar", "Spa"])
    return {
        "operation_id": f"charge-{stay['id']}",
        "venue": HOTEL,
        "reservation": stay["id"],
        "category": category,
        "amount": amount,
        "business_date": stay["business_date"],
    }


def _token(number: int) -> str:
    """A token that the server has not seen."""
    now = int(time.time())
    scope = "hotel:read hotel:write restaurant:read restaurant:write"
    claims = {
        "sub": f"user{number}",
        "jti": f"{number}-{now}",
        "iat": now,
        "exp": now + 600,
        "scope": scope,
        "venues": ["*"],
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")
