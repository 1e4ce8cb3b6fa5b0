"""What operators see: figures that move with what happens, a canary, readiness, and lines that name
connection and session.
"""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rtdash.server.logs import JsonFormatter
from rtdash.server.metrics import delivery_probe
from rtdash.server.metrics.delivery_probe import DeliveryProbe
from rtdash.server.metrics.registry import LIMITS, Metrics
from rtdash.server.state_metrics import LONGEST_AGE_S, MOST_AGE_S, pause_after
from rtdash.store.figures import read_store_figures
from tests.server.sockets import Server, anyio_backend, lane, serving

__all__ = ["anyio_backend", "lane"]

pytestmark = pytest.mark.anyio


def scrape(server: Server) -> dict[str, float]:
    """Every sample by its name and labels, as Prometheus reads them."""
    text = httpx2.get(f"http://127.0.0.1:{server.port}/metrics", trust_env=False).text
    families = text_string_to_metric_families(text)
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the server logs, as it would stand in a file."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("rtdash")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel("DEBUG")
    yield stream
    logger.setLevel(before)
    logger.removeHandler(handler)


async def test_figures_follow_what_happens(tmp_path: Path, lane: str) -> None:
    """Connections, subscriptions, deliveries, commits, replays, evictions: each moves by what was
    done, and back.
    """
    with serving(tmp_path, lane, connections_per_user=2) as server:
        before = await asyncio.to_thread(scrape, server)
        async with server.client() as client, server.client():
            await client.subscribe("restaurant_reservations", "restaurant_notifications")
            await server.book(3)
            await client.events(3)
            position = {"restaurant_reservations": {"epoch": server.services.relay.epoch, "seq": 1}}
            await client.subscribe("restaurant_reservations", positions=position)
            await client.events(2)
            await client.subscribe(
                "restaurant_reservations",
                positions={"restaurant_reservations": {"epoch": "gone", "seq": 1}},
            )
            async with server.client() as third:
                assert (await third.farewell())[1] == 4007
            during = await asyncio.to_thread(scrape, server)
        await server.until(lambda: not server.services.connection_manager.connections)
        after = await asyncio.to_thread(scrape, server)
    assert (
        before["rtdash_connections"],
        during["rtdash_connections"],
        after["rtdash_connections"],
    ) == (0, 2, 0)
    assert (during["rtdash_subscriptions"], after["rtdash_subscriptions"]) == (2, 0)
    assert during["rtdash_deliveries_total"] - before["rtdash_deliveries_total"] >= 3
    assert during["rtdash_events_total"] - before["rtdash_events_total"] == 3
    for name in ("rtdash_commit_seconds_count", "rtdash_queue_seconds_count"):
        assert during[name] > before[name]
    assert (before["rtdash_replays_total recovered"], during["rtdash_replays_total recovered"]) == (
        0,
        1,
    )
    assert (before["rtdash_replays_total reset"], during["rtdash_replays_total reset"]) == (0, 1)
    assert during["rtdash_evictions_total 4007"] == 1
    assert during["rtdash_limit_refusals_total connections_per_user"] == 1
    assert {f"rtdash_limit_refusals_total {limit}" for limit in LIMITS} <= before.keys()
    assert {
        "rtdash_buffered_bytes",
        "rtdash_loop_lag_max_seconds",
        "rtdash_broker_lag_seconds",
        "process_open_fds",
    } <= before.keys()


@pytest.mark.parametrize(
    ("took_s", "pause_s"), [(0.001, MOST_AGE_S), (0.05, 5.0), (30.0, LONGEST_AGE_S)]
)
async def test_figures_of_the_store_are_a_minute_old_at_most(took_s: float, pause_s: float) -> None:
    """A look that waited for a silent store puts the next one off by no more."""
    assert pause_after(took_s) == pytest.approx(pause_s)


async def test_sessions_are_current_whenever_they_are_asked_for(tmp_path: Path) -> None:
    """One run of a load test after the other compares them: what the run before had left counted as
    leaked by the next one, as long as they were read once a minute.
    """
    with serving(tmp_path, "fast") as server:
        for number in (1, 2):
            async with server.client() as client:
                await client.subscribe("restaurant_reservations")
                for _ in range(100):
                    counted = (await asyncio.to_thread(scrape, server))["rtdash_sessions"]
                    if counted == number:
                        break
                    await asyncio.sleep(0.1)
                assert counted == number


async def test_a_silent_store_delays_no_reader_of_the_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before is there, and everything else is current."""
    with serving(tmp_path, "fast") as server:
        await asyncio.to_thread(scrape, server)
        read = server.services.database.read

        async def read_or_wait(function: Callable[..., Any]) -> Any:
            if function is read_store_figures:
                await asyncio.Event().wait()
            return await read(function)

        monkeypatch.setattr(server.services.database, "read", read_or_wait)
        async with asyncio.timeout(30):
            for _ in range(4):
                await asyncio.sleep(0.4)  # until the figures are too old
                assert "rtdash_sessions" in await asyncio.to_thread(scrape, server)


async def test_the_canary_measures_the_way_and_nobody_else_hears_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process publishes a probe message to itself; it is in no log, on no socket, and its time
    is a metric.
    """
    monkeypatch.setattr(delivery_probe, "PROBE_INTERVAL_S", 0.05)
    with serving(tmp_path, "fast") as server:
        async with server.client() as client:
            await client.subscribe(
                "hotel_stats", "restaurant_stats", "hotel_reservations", "restaurant_reservations"
            )
            registry = server.services.metrics.registry
            start = registry.get_sample_value("rtdash_delivery_seconds_count") or 0
            await server.until(
                lambda: (
                    (registry.get_sample_value("rtdash_delivery_seconds_count") or 0) >= start + 5
                )
            )
            await client.send({"action": "ping"})
            heard = []
            while (body := await client.receive()).get("status") != "pong":
                heard.append(body)
        assert {body["type"] for body in heard} <= {"stats_update", "room_availability_update"}
        assert registry.get_sample_value("rtdash_canaries_lost_total") == 0
        assert registry.get_sample_value("rtdash_events_total") == 0


async def test_a_canary_that_is_not_heard_is_missed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A hub that delivers nothing shows in figures and in the log."""

    class Deaf:
        def join(self, *_: object) -> None: ...
        def leave(self, *_: object) -> None: ...
        def publish_state(self, *_: object) -> None: ...

    monkeypatch.setattr(delivery_probe, "PROBE_INTERVAL_S", 0.01)
    metrics = Metrics()
    probe = DeliveryProbe(Deaf(), metrics)  # type: ignore[arg-type]
    probing = asyncio.ensure_future(probe.probe_periodically())
    async with asyncio.timeout(30):
        # it gives no sign
        while not metrics.registry.get_sample_value("rtdash_canaries_lost_total"):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    probing.cancel()
    await asyncio.gather(probing, return_exceptions=True)
    assert "does not come through" in caplog.text


async def test_a_dead_task_is_not_ready(tmp_path: Path) -> None:
    """503, naming the task; the process itself still answers."""
    with serving(tmp_path, "fast") as server:
        url = f"http://127.0.0.1:{server.port}"
        server.services.tasks.dead.append("upcoming")
        async with httpx2.AsyncClient(trust_env=False) as client:
            told = await client.get(url + "/readyz")
            assert (told.status_code, told.json()["problems"]) == (
                503,
                ["the task upcoming has died"],
            )
            assert (await client.get(url + "/healthz")).status_code == 200


async def test_a_draining_server_is_not_ready(tmp_path: Path) -> None:
    """Load balancers stop sending people from the first moment of a drain."""
    with serving(tmp_path, "fast", drain_window_s=0) as server:
        await server.call(server.services.connection_manager.drain)
        async with httpx2.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"http://127.0.0.1:{server.port}/readyz")).status_code == 503


async def test_lines_about_sockets_name_connection_and_session(
    tmp_path: Path, lane: str, lines: io.StringIO
) -> None:
    """From opening to end one connection can be followed; of its session only so much is logged
    that a reader of the log can't resume it.
    """
    with serving(tmp_path, lane) as server:
        async with server.client() as client:
            session = (await client.subscribe("hotel_reservations"))["session"]
            async with server.client(session=session) as thief:
                await thief.receive()
                assert (await client.farewell())[1] == 4505
        await server.until(lambda: not server.services.connection_manager.connections)
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    first = [line for line in told if line.get("connection") == 1]
    assert [line["message"].partition(":")[0] for line in first] == ["opened", "closed", "ended"]
    assert first[1]["code"] == 4505
    assert {line["user"] for line in first} == {"ann"}
    assert first[1]["session"] == session[:8]
    assert session not in lines.getvalue()


async def test_a_server_shows_its_state(tmp_path: Path, lane: str) -> None:
    """Store, readiness and version; a refused token counts, and an end begins with readiness."""
    with serving(tmp_path, lane) as server:
        bearer = {"Authorization": "Bearer none-of-ours"}
        url = f"http://127.0.0.1:{server.port}/api/user/profile"
        await asyncio.to_thread(httpx2.get, url, headers=bearer, trust_env=False)
        shown = await asyncio.to_thread(scrape, server)
        assert (shown["rtdash_store_up"], shown["rtdash_ready"]) == (1, 1)
        assert any(name.startswith("rtdash_build_info ") for name in shown)
        assert shown["rtdash_sign_in_failures_total invalid"] == 1
        server.services.is_stopping = True
        shown = await asyncio.to_thread(scrape, server)
        assert (shown["rtdash_store_up"], shown["rtdash_ready"]) == (1, 0)
