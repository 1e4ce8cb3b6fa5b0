"""Options of `rtdash loadtest` made into a request, its tokens, and errors in words."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rtdash.cli.credentials import (
    find_token,
    own_server_code,
    own_server_limited_tokens,
    own_server_token,
)
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.named_files import read_named_file
from rtdash.cli.quantities import parse_seconds

if TYPE_CHECKING:
    from rtdash.loadtest.run.runner import RunRequest
    from rtdash.loadtest.verdict.summary import Summary

T = TypeVar("T")
RunOne = Callable[["RunRequest"], Coroutine[Any, Any, "Summary"]]


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Options that a run and a comparison share."""

    users: int | None
    duration: str | None
    spawn_rate: float | None
    slo: Path | None
    processes: int
    seed: int
    tokens: Path | None
    data: Path | None


def require_locust() -> None:
    """Raise CommandFailed where the extra that brings locust is not installed."""
    if find_spec("locust") is None:
        raise CommandFailed(
            "the load test needs locust, which is not installed",
            hint="pip install 'rtdash[loadtest]'",
        )


def make_request(scenario: str, url: str | None, options: LoadOptions) -> "RunRequest":
    """Return the request of a run. Raises CommandFailed, NotUsable."""
    from rtdash.loadtest.plan.scenario import Overrides, find_packaged, find_scenario, override
    from rtdash.loadtest.plan.slo import check_scopes, read_slos
    from rtdash.loadtest.run.runner import RunRequest

    name, chosen = find_scenario(scenario)
    duration_s = None if options.duration is None else parse_seconds(options.duration)
    chosen = override(chosen, Overrides(options.users, duration_s, options.spawn_rate))
    path = options.slo or find_packaged("slo", chosen.slo)
    slos = read_slos(path)
    check_scopes(slos.slos, [phase.name for phase in chosen.phase], path)
    kills = [storm.kind for phase in chosen.phase for storm in phase.storms if storm.kind != "rst"]
    if url and kills:
        raise CommandFailed(
            f"{name} restarts the server, and the one at {url} isn't ours to end",
            hint=f"leave --url away, and it starts its own: rtdash loadtest {name}",
            code=Exit.USAGE,
        )
    request = RunRequest(
        name,
        chosen,
        slos,
        mint=partial(own_server_token, user="loadtest"),
        mint_limited=partial(own_server_limited_tokens, user="loadtest-limited"),
        mint_code=partial(own_server_code, user="loadtest-browser"),
        url=url,
    )
    return replace(
        request,
        tokens=_tokens(url, options),
        processes=options.processes,
        seed=options.seed,
    )


def _tokens(url: str | None, options: LoadOptions) -> tuple[str, ...]:
    if options.tokens is None:
        return (find_token(options.data, os.environ.get("RTDASH_TOKEN")),) if url else ()
    given = tuple(
        read_named_file(
            options.tokens,
            what=f"the token file {options.tokens}",
            hint="make one: rtdash token > FILE",
        ).split()
    )
    if not given:
        raise CommandFailed(
            f"the token file {options.tokens} holds no token",
            hint="one a line: rtdash token >> FILE",
            code=Exit.USAGE,
        )
    return given


def make_folder(report: Path | None) -> None:
    """Make the folder before the run: a report that can't be written would cost all of it."""
    if report is None:
        return
    try:
        report.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandFailed(
            f"{report} can't be made: {error.strerror}",
            hint="name a directory that you may write: --report DIR",
            code=Exit.USAGE,
        ) from None


def run_requests(
    work: "Callable[[RunOne, Callable[[str], None]], Coroutine[Any, Any, T]]",
) -> T:
    """Return the result of `work`, which gets a function that runs one request, and one that writes
    a line of progress. The first Ctrl-C or SIGTERM ends a run early, with its report; the second
    ends it at once.
    """
    from rtdash.loadtest.run.progress import Progress
    from rtdash.loadtest.run.runner import run

    async def main() -> T:
        should_stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _stop, should_stop, asyncio.current_task())
        progress = Progress(sys.stderr)

        async def run_one(request: "RunRequest") -> "Summary":
            summary = await run(request, should_stop, progress.show, progress.say)
            progress.end()
            return summary

        return await work(run_one, progress.say)

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _stop(should_stop: asyncio.Event, task: "asyncio.Task[Any] | None") -> None:
    if should_stop.is_set() and task is not None:
        task.cancel()
    should_stop.set()


@contextmanager
def failures_in_words() -> Iterator[None]:
    """Raise CommandFailed for what keeps a run from its verdict."""
    from rtdash.client.api_errors import NotAllowed, Problem, Unreachable
    from rtdash.loadtest.generator.locust_process import GeneratorFailed
    from rtdash.loadtest.plan.slo import NotUsable
    from rtdash.loadtest.run.own_server import ServerFailed
    from rtdash.loadtest.run.target_venues import NoVenues

    try:
        yield
    except NotUsable as error:
        raise CommandFailed(
            str(error), hint="see the guide: rtdash help loadtest", code=Exit.USAGE
        ) from None
    except Unreachable as error:
        raise CommandFailed(
            str(error),
            hint="is it running? leave --url away, and it starts its own: rtdash loadtest",
            code=Exit.UNREACHABLE,
        ) from None
    except NotAllowed as error:
        raise CommandFailed(
            f"the server refused: {error}",
            hint="give tokens that may: --tokens FILE",
            code=Exit.NOT_ALLOWED,
        ) from None
    except NoVenues as error:
        raise CommandFailed(
            str(error), hint="give a token for some: rtdash token --venue VENUE > FILE"
        ) from None
    except Problem as error:
        raise CommandFailed(str(error), hint="is it an rtdash server?") from None
    except (ServerFailed, GeneratorFailed) as error:
        raise CommandFailed(
            str(error), hint="see what is wrong with this machine: rtdash doctor"
        ) from None
