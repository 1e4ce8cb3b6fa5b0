"""Examples for the OpenAPI document, made of its schemas, so that none can be out of date."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

_DEPTH = 12
"""No body nests deeper."""
_VALUES: Mapping[str, Any] = {
    "id": "res-5f0c2a91",
    "reservationId": "res-5f0c2a91",
    "operationId": "pos-7-000123",
    "venue": "harbour-hotel",
    "customerName": "John Smith",
    "customerInitials": "JS",
    "customerEmail": "john@example.com",
    "customerPhone": "+351 912 345 678",
    "guests": 2,
    "source": "website",
    "amount": 240,
    "paid": 120,
    "balance": 120,
    "currency": "EUR",
    "roomType": "double",
    "category": "Minibar",
    "nights": 2,
    "time": "3:00 PM",
    "timezone": "Europe/Lisbon",
    "checkInTime": "15:00",
    "closeoutHour": 3,
    "durationMinutes": 90,
    "version": 1,
    "sourceVersion": 7,
    "seq": 418,
    "epoch": "n7Zk2w",
    "checkIn": "2026-07-24",
    "checkOut": "2026-07-26",
    "next": None,
    "cursor": None,
    "expiresAt": "2026-07-25T03:00:00.000Z",
}
_LEFT_OUT = frozenset({"at"})
"""History needs the scope admin, so that an example with it would be refused when it is tried."""
_OF_FORMAT = {"date": "2026-07-24", "date-time": "2026-07-24T14:00:00.000Z"}
_SCALARS: Mapping[str, Any] = {"number": 120, "boolean": True, "null": None}


def example_of(
    schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str = "", depth: int = 0
) -> Any:
    """Return a value that the schema allows; `name` is the property's, `schemas` are those that
    references name.
    """
    if depth > _DEPTH:
        return None
    if "$ref" in schema:
        found = schemas[schema["$ref"].rpartition("/")[2]]
        return example_of(found, schemas, name, depth + 1)
    for fixed in (schema.get("const"), *schema.get("enum", ()), *schema.get("examples", ())):
        if fixed is not None:
            return fixed
    is_scalar = schema.get("type") not in {"object", "array"}
    if name in _VALUES and is_scalar and (_VALUES[name] is not None or "anyOf" in schema):
        return _VALUES[name]
    for union in ("oneOf", "anyOf", "allOf"):
        if union in schema:
            return example_of(schema[union][0], schemas, name, depth + 1)
    return _of_type(schema, schemas, depth)


def _of_type(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:
    match schema.get("type"):
        case "object":
            some = islice(schema.get("properties", {}).items(), schema.get("maxProperties"))
            return {
                name: example_of(one, schemas, name, depth + 1)
                for name, one in some
                if name not in _LEFT_OUT
            }
        case "array":
            return [example_of(schema.get("items", {}), schemas, "", depth + 1)]
        case "string":
            return _OF_FORMAT.get(schema.get("format", ""), "text")
        case kind:
            least = int(schema.get("minimum", 0))
            return max(least, 1) if kind == "integer" else _SCALARS.get(str(kind))
