"""What the page keeps: no more after many events than after a few. `RTDASH_FULL=1 pytest -s
tests/browser/test_heap.py` is the long form, and prints the figures.
"""

import os
import sys
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from tests.browser.pages import GRILL

IS_FULL = bool(os.environ.get("RTDASH_FULL"))
EVENTS = 50_000 if IS_FULL else 3_000
FIRST = 5_000 if IS_FULL else 2_000
"""Events that fill every list up to its bound, and let the code be compiled."""
A_REQUEST = 500


def book(served, first, count):
    """Book tables as operations: most within the next day, some for parties large enough for a
    notification; returns the name of the last guest.
    """
    now = datetime.now(UTC)
    operations = [
        {
            "operationId": f"heap-{number}",
            "op": "book",
            "kind": "restaurant",
            "customerName": f"Heap {number}",
            "guests": 9 if number % 10 == 0 else 2,
            "source": "web",
            "date": (now + timedelta(minutes=5 + number * 37 % 2000)).isoformat(),
        }
        for number in range(first, first + count)
    ]
    answer = httpx2.post(
        f"{served.url}/api/operations",
        json=operations,
        params={"venue": GRILL},
        headers={"Authorization": f"Bearer {served.token()}"},
        timeout=60,
    )
    assert {one["outcome"] for one in answer.json()["outcomes"]} == {"applied"}
    return operations[-1]["customerName"]


def held_by(page, session):
    """Bytes of the heap, DOM nodes and listeners, after the collection of what is garbage."""
    with page.expect_response("**/api/restaurant/covers*", timeout=90_000):
        pass  # the reports are those of the last events
    page.wait_for_timeout(3000)  # they are shown; highlights and notes have ended
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    counted = session.send("Memory.getDOMCounters")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    return {"bytes": used, "nodes": counted["nodes"], "listeners": counted["jsEventListeners"]}


@pytest.mark.timeout(1800 if IS_FULL else 400)
def test_events_leave_nothing_behind(dashboard, served):
    """Heap within a tenth, nodes and listeners as before."""
    view = dashboard().sign_in(f"/?venue={GRILL}")
    session = view.context.new_cdp_session(view.page)

    def take(first, count):
        for start in range(first, first + count, A_REQUEST):
            last = book(served, start, A_REQUEST)
            view.page.locator(f".live .rows bdi:text-is('{last}')").wait_for()

    take(0, FIRST)
    before = held_by(view.page, session)
    take(FIRST, EVENTS)
    after = held_by(view.page, session)
    sys.stdout.write(f"\n{EVENTS} events: before {before}, after {after}\n")
    assert abs(after["bytes"] / before["bytes"] - 1) <= 0.1
    assert after["listeners"] == before["listeners"]
    assert abs(after["nodes"] - before["nodes"]) <= before["nodes"] * 0.02
