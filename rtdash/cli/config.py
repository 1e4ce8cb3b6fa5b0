"""`rtdash config`: every setting as it stands, and where it came from."""

import os
from typing import TYPE_CHECKING, Any

import typer

from rtdash.cli.access import DataOption, configured
from rtdash.cli.configuration import read_settings

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings


def config(data: DataOption = None) -> None:
    """Print each setting, its value, and its source: flag, environment, rtdash.toml or default. Secrets are not shown."""
    from rtdash.server.logs import redact

    given: dict[str, Any] = {} if data is None else {"data": data}
    settings = read_settings(given)
    rows = [
        (name, value, "flag" if name in given else _source(name)) for part in (settings, settings.limits) for name, value in _values(part)
    ]
    width = max(len(name) for name, _, _ in rows)
    for name, value, source in rows:
        typer.echo(f"{name:<{width}}  {redact(str(value))}  ({source})")


def _values(settings: "BaseSettings") -> list[tuple[str, Any]]:
    return [(name, value) for name in type(settings).model_fields if name != "limits" for value in (getattr(settings, name),)]


def _source(name: str) -> str:
    if (variable := f"RTDASH_{name.upper()}") in os.environ:
        return f"environment {variable}"
    return "rtdash.toml" if configured(name) is not None else "default"
