"""The two sides of a comparison: servers by their URLs, or builds that the run starts itself."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rtdash.loadtest.plan.slo import NotUsable
from rtdash.loadtest.run.runner import RunRequest
from rtdash.loadtest.verdict.contest import Contest, Round
from rtdash.loadtest.verdict.summary import Summary

CONFIRM = 2
"""Rounds beyond those that were asked for, before B is called worse."""
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
    say: Callable[[str], None],
    *,
    repeat: int,
    allow: float,
) -> Contest:
    """Run both sides in turns, `repeat` times each, A first in every second round: what the machine
    does meanwhile falls on both. `say` gets where it stands.

    Where B seems worse by a ratio, CONFIRM more rounds must say so, too: in one of ten pairs of
    equal servers three ratios of some measure agree by chance; five do in one of sixty.
    """
    rounds: list[Round] = []
    wanted = repeat
    while len(rounds) < wanted:
        number, ended = len(rounds) + 1, dict[str, Summary]()
        for name in "AB" if number % 2 else "BA":
            say(f"round {number} of {wanted}, side {name}")
            ended[name] = await run(a if name == "A" else b)
            say(f"round {number} of {wanted}, side {name}: {ended[name].ending}")
            if ended[name].is_interrupted:
                return Contest(tuple(rounds), allow, is_interrupted=True)
        rounds.append(Round(ended["A"], ended["B"]))
        if len(rounds) == repeat and Contest(tuple(rounds), allow).needs_more:
            wanted += CONFIRM
            say(f"B seems worse: {CONFIRM} more rounds make sure")
    return Contest(tuple(rounds), allow)
