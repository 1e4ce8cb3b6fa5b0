"""Shapes of the messages, by the models of the protocol: more fields are allowed, fewer are not."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from rtdash.protocol.models import CHANNEL_MESSAGES, CONNECTION_MESSAGES, Batch

_SHOWN = 40
"""Characters of a wrong value that are shown."""


def find_flaw(message: Mapping[str, Any], payload: str | bytes | None = None) -> str | None:
    """Return what is wrong with a message, such as `stats.expectedGuests is 'x'`; None when
    nothing is. `payload` is the message as JSON, if that is at hand.

    Answers have a `status` and no `type`: the session that asked judges them. The messages of a
    batch are looked at one by one, not here.
    """
    if "status" in message and "type" not in message:
        return None
    kind = message.get("type")
    model = _models().get(kind) if isinstance(kind, str) else None
    if model is None:
        return f"type is {kind!r}"
    if model is Batch:
        return None if isinstance(message.get("messages"), list) else "messages is no list"
    try:
        # Strict JSON: a number is no text and a text no number, while an enumeration is still
        # named by its value.
        model.model_validate_json(
            payload if payload is not None else json.dumps(message), strict=True, extra="ignore"
        )
    except ValidationError as error:
        return _in_words(error)
    return None


@cache
def _models() -> dict[str, type[BaseModel]]:
    return {
        get_args(model.model_fields["type"].annotation)[0]: model
        for model in (*CHANNEL_MESSAGES, *CONNECTION_MESSAGES)
    }


def _in_words(error: ValidationError) -> str:
    """The first error; the tag of a union in its path (`reservation.hotel.guests`) is left out."""
    first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in first["loc"] if part not in {"hotel", "restaurant"})
    if first["type"] == "missing":
        return f"{path} is missing"
    return f"{path or 'the message'} is {str(first['input'])[:_SHOWN]!r}"
