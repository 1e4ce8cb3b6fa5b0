"""`rtdash config`: every setting with its value and its source."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from rtdash.cli.configuration import ConfigOption, read_settings, source_of
from rtdash.cli.credentials import DataOption, JsonOption
from rtdash.domain.printable import json_line, printable
from rtdash.setting_sources import config_path

if TYPE_CHECKING:
    from rtdash.settings import Settings


def config(
    data: DataOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Print each setting, its value, and where it came from.

    Flags go over the environment, that over the configuration file. Secrets are not shown.

    Examples: rtdash config · rtdash config --json
    """
    options = {"data": data, "config": config}
    given: dict[str, Any] = {name: one for name, one in options.items() if one is not None}
    values = dict(_values(read_settings(given)))
    file = config_path(config)
    if as_json:
        settings = {
            name: {"value": _json_value(value), "source": source_of(name, given)}
            for name, value in values.items()
        }
        typer.echo(json_line({"config": str(file) if file else None, "settings": settings}))
        return
    width = max(len(name) for name in values)
    typer.echo(f"{'config':<{width}}  {file or '-'}")
    for name, value in values.items():
        typer.echo(f"{name:<{width}}  {printable(_shown(value))}  ({source_of(name, given)})")


def _values(settings: "Settings") -> Iterator[tuple[str, Any]]:
    """Return the settings in their order; URLs, which may hold a password, as text."""
    urls = {"database": settings.database_url, "broker": settings.broker_url}
    for part in (settings, settings.limits):
        for name, value in part:
            if name not in {"config", "limits"}:
                yield name, urls.get(name, value)


def _shown(value: Any) -> str:
    """Format a value for people; of a URL everything but its secrets."""
    from rtdash.server.logs import redact

    match value:
        case None | "":
            return "-"
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return redact(str(value))


def _json_value(value: Any) -> Any:
    """Return the value as JSON has it; what JSON has not as people read it, without its secrets."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return _shown(value) if str(value) else ""
