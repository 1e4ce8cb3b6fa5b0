"""Maps: TOML that says which column or property of another system is which field of ours."""

import re
import tomllib
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from rtdash.domain.toml_lines import TomlLines

LINE = "line"
"""Stands for the line's number in maps of files that have no ids, unless a column is called so."""
TEMPLATE = re.compile(r"\{([^{}]+)\}")
TERMS = ("reservationId", "sourceVersion", "venue", "customerName", "customerEmail")
MONEY = ("amount", "paid")


class MapError(Exception):
    """A map that can't be taken: where, and what is wrong with it."""


class _Closed(BaseModel):
    # built with the first map: a start needs none
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Source(_Closed):
    """Where a field comes from: a column (a dotted path in JSON), several of them, or a constant.

    `columns` are summed where the field is a number, and joined by a blank elsewhere. `text` is a
    template such as `"{First name} {Last name}"`. `values` translates what is found; `format` reads
    dates (strptime); `per_night` multiplies by the nights of the stay.
    """

    column: str | None = None
    columns: tuple[str, ...] = ()
    text: str | None = None
    constant: str | int | float | None = None
    values: dict[str, str] = {}
    default: str | int | float | None = None
    format: str | None = None
    per_night: Annotated[bool, Field(alias="perNight")] = False

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        given = [bool(self.columns), *(x is not None for x in (self.column, self.text))]
        if sum(given) + (self.constant is not None) != 1:
            raise ValueError("give one of column, columns, text and constant")
        return self

    def names(self) -> Iterator[str]:
        """Yield the columns that it is read from."""
        yield from self.columns
        yield from TEMPLATE.findall(self.text or "")
        if self.column is not None:
            yield self.column


def _source(value: Any) -> Any:
    """A bare string is a column, or a template where it has braces."""
    if isinstance(value, str):
        return {"text": value} if "{" in value else {"column": value}
    return value


Of = Annotated[Source, BeforeValidator(_source)]


class Fields(_Closed):
    """Our fields, by their names in the contract; `nights` may take the place of `checkOut`."""

    reservation_id: Annotated[Of, Field(alias="reservationId")]
    customer_name: Annotated[Of, Field(alias="customerName")]
    guests: Of
    source_version: Annotated[Of | None, Field(alias="sourceVersion")] = None
    venue: Of | None = None
    customer_email: Annotated[Of | None, Field(alias="customerEmail")] = None
    customer_phone: Annotated[Of | None, Field(alias="customerPhone")] = None
    source: Of | None = None
    status: Of | None = None
    amount: Of | None = None
    paid: Of | None = None
    room_type: Annotated[Of | None, Field(alias="roomType")] = None
    check_in: Annotated[Of | None, Field(alias="checkIn")] = None
    check_out: Annotated[Of | None, Field(alias="checkOut")] = None
    nights: Of | None = None
    date: Of | None = None
    duration_minutes: Annotated[Of | None, Field(alias="durationMinutes")] = None


class ImportMap(_Closed):
    """A map. `items` is the path of the list in a JSON document; `timezone` that of local times
    without an offset (default: the venue's); `decimal` the decimal mark of numbers in texts.
    """

    kind: Literal["hotel", "restaurant"]
    venue: str | None = None
    format: Literal["csv", "tsv", "ndjson", "json"] | None = None
    delimiter: Annotated[str | None, Field(min_length=1, max_length=1)] = None
    encoding: str | None = None
    decimal: Literal[".", ","] = "."
    timezone: str | None = None
    items: str | None = None
    fields: Fields

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        fields = self.fields
        if self.kind == "hotel" and (
            fields.room_type is None
            or fields.check_in is None
            or (fields.check_out is None) == (fields.nights is None)
        ):
            raise ValueError("a hotel needs roomType, checkIn, and checkOut or nights")
        if self.kind == "restaurant" and fields.date is None:
            raise ValueError("a restaurant needs date")
        return self

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns that any field is read from, without the line's number."""
        sources = (getattr(self.fields, field) for field in Fields.model_fields)
        return frozenset(name for one in sources if one for name in one.names()) - {LINE}


Map = TypeVar("Map", bound=ImportMap)


def parse_map(
    content: bytes,
    *,
    source: str,
    model: type[Map] = ImportMap,  # type: ignore[assignment]
) -> Map:
    """Return the map of a TOML file, as `model` has it. Raises MapError with the line of what is
    wrong.
    """
    try:
        text = content.decode("utf-8-sig")
        document = tomllib.loads(text)
    except UnicodeDecodeError:
        raise MapError(f"{source}: not UTF-8: save the map as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise MapError(f"{source}: not TOML: {error}") from None
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(part for part in first["loc"] if isinstance(part, str | int))
        line = TomlLines(text).find(place)
        name = ".".join(map(str, place)) or "the map"
        said = first["msg"].removeprefix("Value error, ")
        raise MapError(f"{source}, line {line}: {name}: {said}") from None
