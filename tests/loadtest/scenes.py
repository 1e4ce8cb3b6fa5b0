"""What can happen to a run before its time: each scene plays a run of its own to its end."""

import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.loadtest.running import CALM, DROPPING, UNEXCUSED, RunOutcome, running, serving, write

LONG = CALM.replace("duration_s = 3", "duration_s = 300").replace("[[phase]]", UNEXCUSED)
SLOWLY = LONG.replace("dashboards = 12", "dashboards = 200\nspawn_rate = 1")
HOPELESS = CALM.replace("duration_s = 3", "duration_s = 1").replace(
    "[[phase]]", "[generator]\nmost_lag_ms = 0.001\ntries = 2\n[[phase]]"
)
NOTHING_LOST = """
[[slo]]
metric = "lost"
statistic = "total"
op = "=="
value = 0
"""
IMPOSSIBLE = """
[[slo]]
metric = "delivery_latency"
statistic = "max"
op = "<="
value = 0.001
abort = true
"""
Scene = Callable[[Path], Awaitable[RunOutcome]]


def dying(name: str) -> Scene:
    """Kill that child in mid-run."""

    async def scene(folder: Path) -> RunOutcome:
        async with running(folder, LONG) as run:
            await run.until("published")
            (await run.child(name)).kill()
            return await run.outcome()

    return scene


def interrupted(scenario: str, when: str) -> Scene:
    """Ctrl-C as soon as it says that, and a generator works."""

    async def scene(folder: Path) -> RunOutcome:
        async with running(folder, scenario) as run:
            await run.until(when)
            await run.child("locust")
            run.process.send_signal(signal.SIGINT)
            return await run.outcome()

    return scene


def interrupted_while(child: str, scenario: str, when: str) -> Scene:
    """Ctrl-C as soon as it says that, once it has that child."""

    async def scene(folder: Path) -> RunOutcome:
        async with running(folder, scenario) as run:
            await run.child(child)
            await run.until(when)
            run.process.send_signal(signal.SIGINT)
            return await run.outcome()

    return scene


async def aborted(folder: Path) -> RunOutcome:
    """An SLO that can't be held."""
    async with running(folder, LONG, "--slo", write(folder / "slo.toml", IMPOSSIBLE)) as run:
        return await run.outcome()


async def starved(folder: Path) -> RunOutcome:
    """A generator that is given less than it takes, twice."""
    async with running(folder, HOPELESS) as run:
        return await run.outcome()


async def pruned(folder: Path) -> RunOutcome:
    """The server is restarted in mid-run, which takes its time on a busy machine, and keeps its log
    for a second only.
    """
    scenario = "gone_after_s = 100\n" + LONG.replace("= 300", "= 8") + "settle_s = 60\n"
    async with serving(folder) as server, running(folder, scenario, *server.arguments) as run:
        await run.until("published")
        await server.stop()
        await server.start({"RTDASH_RETENTION_S": "1"})
        return await run.outcome()


def lost(number: signal.Signals) -> Scene:
    """A server that was named by its URL is killed, or frozen, in mid-run, and stays so."""

    async def scene(folder: Path) -> RunOutcome:
        async with (
            serving(folder) as server,
            running(folder, "gone_after_s = 3\n" + LONG, *server.arguments) as run,
        ):
            await run.until("published")
            server.send(number)
            try:
                return await run.outcome()
            finally:
                server.send(signal.SIGKILL)

    return scene


def encrypted(certificate: tuple[Path, Path], *, is_trusted: bool) -> Scene:
    """Over TLS, through the fault proxy."""

    async def scene(folder: Path) -> RunOutcome:
        async with serving(
            folder, "--ssl-certfile", str(certificate[0]), "--ssl-keyfile", str(certificate[1])
        ) as server:
            slos = write(folder / "slo.toml", NOTHING_LOST)
            trust = {"SSL_CERT_FILE": str(certificate[0]) if is_trusted else ""}
            scenario = DROPPING.replace("[[phase]]", UNEXCUSED)
            async with running(folder, scenario, "--slo", slos, *server.arguments, **trust) as run:
                return await run.outcome()

    return scene
