"""Lines above the live view, such as a demo's address."""

from collections.abc import Callable

Banner = Callable[[int], tuple[str, ...]]
"""Returns the lines for a terminal of that height; called for each frame."""


def no_banner(_height: int) -> tuple[str, ...]:
    """Return no line."""
    return ()
