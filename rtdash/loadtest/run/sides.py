"""The two sides of a comparison: servers by their URLs, or builds that the run starts itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rtdash.loadtest.plan.slo import NotUsable
from rtdash.loadtest.run.runner import RunRequest
from rtdash.loadtest.verdict.contest import Contest, Round
from rtdash.loadtest.verdict.summary import Summary

_PYTHONS = ("bin/python", ".venv/bin/python")


@dataclass(frozen=True, slots=True)
class Side:
    """One side: `url`, or the Python that starts its rtdash (`program`)."""

    name: str
    url: str | None = None
    program: str | None = None


def parse_side(text: str) -> Side:
    """Return a side from a URL, a Python, or a directory with a virtual environment. Raises
    NotUsable.
    """
    if text.startswith(("http://", "https://")):
        return Side(text, url=text.rstrip("/"))
    path = Path(text)
    candidates = [path, *(path / one for one in _PYTHONS)]
    found = next((one for one in candidates if one.is_file()), None)
    if found is None:
        raise NotUsable(text, "is neither a URL nor a Python nor a directory with one")
    # Not resolved: the link of a virtual environment is what names its packages.
    return Side(text, program=str(found.absolute()))


async def alternate(
    a: RunRequest,
    b: RunRequest,
    run: Callable[[RunRequest], Awaitable[Summary]],
    *,
    repeat: int,
    allow: float,
) -> Contest:
    """Run both sides in turns, `repeat` times each, A first in every second round: what the machine
    does meanwhile falls on both.
    """
    rounds = []
    for number in range(repeat):
        if number % 2 == 0:
            first = await run(a)
            rounds.append(Round(first, await run(b)))
        else:
            second = await run(b)
            rounds.append(Round(await run(a), second))
        if rounds[-1].is_interrupted:
            break
    return Contest(tuple(rounds), allow)
