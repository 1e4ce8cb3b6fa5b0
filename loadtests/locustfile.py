"""The users of `rtdash loadtest`, for locust: each class is a few calls of what rtdash.loadtest
knows.

`rtdash loadtest` starts it as `python -m locust -f locustfile.py`, with its config in the file that
RTDASH_LOADTEST_CONFIG names.
"""

import os
import time
from functools import cache
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, User, events, task

from rtdash.loadtest.generator.client_pool import ClientPool, read_outcomes
from rtdash.loadtest.generator.run_config import CONFIG_VARIABLE, RunConfig

config = RunConfig.load(Path(os.environ[CONFIG_VARIABLE]))
_numbers = iter(range(10**9))


@cache
def client_pool() -> ClientPool:
    """Return the client pool of this process; made with its first user, since `--processes` forks
    after this module has been loaded.
    """
    pool = ClientPool(config)
    gevent.spawn(pool.work, gevent.sleep, is_over=lambda: False)
    return pool


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
        client_pool().requested(name, response_time / 1000, failure=failure)


@events.quitting.add_listener
def _quitting(environment: Any, **_: Any) -> None:
    environment.process_exit_code = 0  # the verdict is the conductor's
    if client_pool.cache_info().currsize:
        client_pool().report(time.monotonic())
        client_pool().finish()


class DashboardUser(User):
    """Open dashboard: a WebSocket that follows."""

    fixed_count = config.phase.dashboards
    abstract = fixed_count == 0

    @task
    def follow(self) -> None:
        """Follow until the server turns this user away."""
        client_pool().websocket_user().run()


class _RestUser(FastHttpUser):
    abstract = True
    host = config.url
    insecure = False  # locust's default doesn't look at certificates

    def on_start(self) -> None:
        self.rights = {"Authorization": f"Bearer {client_pool().token(next(_numbers))}"}
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
    """Dashboard that can't open a WebSocket and polls, as the requirements' fallback says."""

    fixed_count = config.phase.pollers
    abstract = fixed_count == 0

    @task
    def poll(self) -> None:
        """Each path at its own interval, begun at a random instant of it."""
        rng, now = client_pool().rng, time.monotonic()
        every = {
            "/api/reservations/upcoming": config.phase.poll_upcoming_s,
            "/api/dashboard/stats": config.phase.poll_stats_s,
        }
        due = {path: now + rng.random() * every_s for path, every_s in every.items()}
        while True:
            path = min(due, key=due.__getitem__)
            gevent.sleep(max(0, due[path] - time.monotonic()))
            self.read(path)
            due[path] += every[path]


class OfficeUser(_RestUser):
    """User at work: opens the dashboard's pages by REST, then follows on the WebSocket."""

    fixed_count = config.phase.offices
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
            gevent.sleep(client_pool().rng.random() * 0.2)
        browsing = gevent.spawn(self.browse)
        try:
            client_pool().websocket_user().run()
        finally:
            browsing.kill()

    def browse(self) -> None:
        """Look at a page now and then."""
        while True:
            gevent.sleep(client_pool().rng.expovariate(1 / 5))
            self.read(
                client_pool().rng.choice(
                    (
                        "/api/dashboard/reservations/today",
                        "/api/dashboard/trends?period=monthly",
                    )
                )
            )


class WritingUser(_RestUser):
    """Sends operations, the next as soon as the last is answered."""

    fixed_count = config.phase.writers
    abstract = fixed_count == 0

    @task
    def write(self) -> None:
        """One request."""
        pool = client_pool()
        if pool.is_over:
            gevent.sleep(1)
            return
        pool.writing += 1
        try:
            self.send(pool)
        finally:
            pool.writing -= 1

    def send(self, pool: ClientPool) -> None:
        """Operations that are due now, and what became of them."""
        operations = [
            pool.operations.next_operation(time.monotonic())
            for _ in range(config.phase.writer_batch)
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
                pool.failures[f"HTTP {response.status_code}"] += len(operations)
                response.failure(f"HTTP {response.status_code}")
                return
            pool.sent(operations, outcomes, time.monotonic())
