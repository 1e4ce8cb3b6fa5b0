"""TypeScript declarations of the server's messages, generated from `models`.

`python -m rtdash.protocol.typescript` prints `rtdash/web/lib/messages.d.ts`; a test compares both.
"""

import json
from typing import Any

from pydantic import TypeAdapter

from rtdash.protocol.model_types import Shape
from rtdash.protocol.models import CHANNEL_MESSAGES, CONNECTION_MESSAGES

_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}
_HEAD = """\
/**
 * The messages of the socket. Generated from rtdash/protocol/models.py, not to be edited:
 * python -m rtdash.protocol.typescript > rtdash/web/lib/messages.d.ts
 */
"""
_TAIL = """\
/** A place in a stream: just behind event `seq` of the log that `epoch` names. */
export type Position = StreamPosition;

export type Reservation = HotelReservation | RestaurantReservation;

"""


def declarations() -> str:
    """Return the text of `messages.d.ts`: an interface for each message and what it is made of."""
    shapes: dict[str, Any] = {}
    for model in (*CHANNEL_MESSAGES, *CONNECTION_MESSAGES):
        schema = TypeAdapter(model).json_schema(ref_template="{model}")
        shapes |= schema.pop("$defs", {})
        shapes[model.__name__] = schema
    interfaces = "".join(_declaration(name, shapes[name]) for name in sorted(shapes))
    unions = _union("ChannelMessage", CHANNEL_MESSAGES) + _union(
        "ServerMessage", (*CHANNEL_MESSAGES, *CONNECTION_MESSAGES)
    )
    return f"{_HEAD}\n{interfaces}{_TAIL}{unions}".rstrip("\n") + "\n"


def _declaration(name: str, schema: dict[str, Any]) -> str:
    about = _comment(schema.get("description", ""), indent="")
    if "properties" not in schema:
        return f"{about}export type {name} = {_type(schema)};\n\n"
    required = set(schema.get("required", ()))
    fields = "".join(
        f"{_comment(field.get('description', ''), indent='  ')}"
        f"  {key}{'' if key in required else '?'}: {_type(field)};\n"
        for key, field in schema["properties"].items()
    )
    return f"{about}export interface {name} {{\n{fields}}}\n\n"


def _union(name: str, models: tuple[type[Shape], ...]) -> str:
    members = "".join(f"\n  | {model.__name__}" for model in models)
    return f"export type {name} ={members};\n\n"


def _comment(text: str, *, indent: str) -> str:
    return f"{indent}/** {' '.join(text.split())} */\n" if text else ""


def _type(schema: dict[str, Any]) -> str:
    if reference := schema.get("$ref"):
        return str(reference)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " | ".join(dict.fromkeys(_type(one) for one in schema[union]))
    if schema.get("type") == "array":
        return f"({_type(schema['items'])})[]"
    return _SCALARS.get(schema.get("type", ""), "null")


if __name__ == "__main__":
    print(declarations(), end="")  # noqa: T201  # it is a program's output
