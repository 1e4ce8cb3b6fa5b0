"""The users of `rtdash loadtest`, for locust: each class is a few calls of what rtdash.loadtest
knows.

`rtdash loadtest` starts it as `python -m locust -f locustfile.py`, with its orders in the file that
RTDASH_LOADTEST_ORDERS names.
"""

import os
import time
from functools import cache
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, User, events, task

from rtdash.loadtest.crew import Crew, read_outcomes
from rtdash.loadtest.orders import ORDERS_VARIABLE, Orders

orders = Orders.load(Path(os.environ[ORDERS_VARIABLE]))
_numbers = iter(range(10**9))


@cache
def the_crew() -> Crew:
    """This process's; made with its first user, since `--processes` forks after this module has
    been loaded.
    """
    crew = Crew(orders)
    gevent.spawn(crew.work, gevent.sleep, is_over=lambda: False)
    return crew


@events.request.add_listener
def _requested(
    name: str, response_time: float, exception: Exception | None, response: Any = None, **_: Any
) -> None:
    if response is not None:
        status = getattr(response, "status_code", 0) or 0
        failure = (
            None
            if 200 <= status < 400 and not exception
            else f"HTTP {status}"
            if status
            else type(exception).__name__
        )
        the_crew().requested(name, response_time / 1000, failure=failure)


@events.quitting.add_listener
def _quitting(environment: Any, **_: Any) -> None:
    environment.process_exit_code = 0  # the verdict is the conductor's
    if the_crew.cache_info().currsize:
        the_crew().report(time.monotonic())
        the_crew().finish()


class DashboardUser(User):
    """An open dashboard: a WebSocket that follows."""

    fixed_count = orders.phase.dashboards
    abstract = fixed_count == 0

    @task
    def follow(self) -> None:
        """For ever, or until the server turns it away."""
        the_crew().dashboard().run()


class _RestUser(FastHttpUser):
    abstract = True
    host = orders.url
    insecure = False  # locust's default doesn't look at certificates

    def on_start(self) -> None:
        self.rights = {"Authorization": f"Bearer {the_crew().token(next(_numbers))}"}
        self.etags = {}

    def read(self, path: str) -> None:
        """GET with the tag of the last answer, as a browser's cache does."""
        tag = self.etags.get(path)
        response = self.client.get(
            path,
            name=path.partition("?")[0],
            headers=self.rights | ({"If-None-Match": tag} if tag else {}),
        )
        self.etags[path] = response.headers.get("ETag") if response.headers else None


class PollingUser(_RestUser):
    """A dashboard that can't open a WebSocket and polls, as the requirements' fallback says."""

    fixed_count = orders.phase.pollers
    abstract = fixed_count == 0

    @task
    def poll(self) -> None:
        """Each path at its own interval, begun at a random instant of it."""
        rng, now = the_crew().rng, time.monotonic()
        every = {
            "/api/reservations/upcoming": orders.phase.poll_upcoming_s,
            "/api/dashboard/stats": orders.phase.poll_stats_s,
        }
        due = {path: now + rng.random() * every_s for path, every_s in every.items()}
        while True:
            path = min(due, key=due.__getitem__)
            gevent.sleep(max(0, due[path] - time.monotonic()))
            self.read(path)
            due[path] += every[path]


class OfficeUser(_RestUser):
    """Somebody who comes to work: opens the dashboard's pages by REST, and then leaves it open on
    the socket.
    """

    fixed_count = orders.phase.offices
    abstract = fixed_count == 0

    @task
    def work(self) -> None:
        """Open the pages, then leave the dashboard open."""
        for path in (
            "/api/user/profile",
            "/api/dashboard/stats",
            "/api/dashboard/reservations/today",
            "/api/reservations/upcoming",
            "/api/dashboard/trends?period=weekly",
            "/api/dashboard/revenue/by-category?period=weekly",
        ):
            self.read(path)
            gevent.sleep(the_crew().rng.random() * 0.2)
        browsing = gevent.spawn(self.browse)
        try:
            the_crew().dashboard().run()
        finally:
            browsing.kill()

    def browse(self) -> None:
        """Look at a page now and then."""
        while True:
            gevent.sleep(the_crew().rng.expovariate(1 / 5))
            self.read(
                the_crew().rng.choice(
                    ("/api/dashboard/reservations/today", "/api/dashboard/trends?period=monthly")
                )
            )


class WritingUser(_RestUser):
    """Sends operations, the next as soon as the last is answered."""

    fixed_count = orders.phase.writers
    abstract = fixed_count == 0

    @task
    def write(self) -> None:
        """One request."""
        crew = the_crew()
        if crew.is_over:
            gevent.sleep(1)
            return
        crew.writing += 1
        try:
            self.send(crew)
        finally:
            crew.writing -= 1

    def send(self, crew: Crew) -> None:
        """Operations that are due now, and what became of them."""
        operations = [
            crew.operations.draw(time.monotonic()) for _ in range(orders.phase.writer_batch)
        ]
        with self.client.post(
            "/api/operations", json=operations, headers=self.rights, catch_response=True
        ) as response:
            try:
                outcomes = (
                    read_outcomes(response.json(), len(operations))
                    if response.status_code == 200
                    else None
                )
            except ValueError:
                outcomes = None
            if outcomes is None:
                crew.failures[f"HTTP {response.status_code}"] += len(operations)
                response.failure(f"HTTP {response.status_code}")
                return
            crew.sent(operations, outcomes, time.monotonic())
