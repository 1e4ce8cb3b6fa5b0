"""Advice for a name that isn't known: the one that was probably meant, and all that there are."""

from collections.abc import Iterable
from difflib import get_close_matches

from rtdash.cli.failures import CommandFailed, Exit

_ALIKE = 0.6
_MOST_LISTED = 12


def choice_hint(name: str, known: Iterable[str]) -> str:
    """Return `did you mean …?` where a known name is alike, and the known names."""
    names = list(known)
    close = get_close_matches(name.lower(), names, 1, _ALIKE)
    listed = ", ".join(names[:_MOST_LISTED]) + (", …" if len(names) > _MOST_LISTED else "")
    there_are = f"there are: {listed}" if names else "there are none"
    return f"did you mean {close[0]}? {there_are}" if close else there_are


def refuse_unknown(name: str, known: Iterable[str], *, what: str, code: Exit = Exit.USAGE) -> None:
    """Raise CommandFailed unless `name` is known."""
    names = list(known)
    if name not in names:
        raise CommandFailed(
            f"there is no {what} {name!r}", hint=choice_hint(name, names), code=code
        )
