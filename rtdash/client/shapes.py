"""Shapes of the contract's answers: what a client may rely on, so that the answer of something else
is refused at the edge and not met as a fault further in.
"""

from typing import Any

Shape = Any
"""A type; `[shape]` for a list of such; `{name: shape}` for an object with at least these members;
a frozenset of the texts that may stand there; `(shape, None)` where null may stand, too."""

VENUE = {"id": str, "kind": frozenset({"hotel", "restaurant"})}
PROFILE = {"id": str, "scopes": [str], "venues": [VENUE]}
VENUES = {"venues": [VENUE | {"name": str, "timezone": str, "currency": str}]}
POSITION = {"epoch": str, "seq": int}
STATE_PAGE = {"events": [{"type": str}]}
EVENT_PAGE = {"events": [{"type": str, "seq": int}], "position": POSITION}
STATS = {"timestamp": str, "stats": dict}
RESERVATIONS = {"reservations": [dict]}


def has_shape(value: object, shape: Shape) -> bool:
    """Whether a decoded JSON value has a shape."""
    match shape:
        case [one]:
            return isinstance(value, list) and all(has_shape(item, one) for item in value)
        case [one, None]:
            return value is None or has_shape(value, one)
        case dict():
            return isinstance(value, dict) and all(
                name in value and has_shape(value[name], inner) for name, inner in shape.items()
            )
        case frozenset():
            return isinstance(value, str) and value in shape
    return isinstance(value, shape)
