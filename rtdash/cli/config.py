"""`rtdash config`: every setting with its value and its source."""

from typing import Any

import typer

from rtdash.cli.configuration import read_settings, source_of
from rtdash.cli.credentials import DataOption


def config(data: DataOption = None) -> None:
    """Print each setting, its value, and where it came from.

    Flags go over the environment, that over rtdash.toml. Secrets are not shown.
    """
    given: dict[str, Any] = {} if data is None else {"data": data}
    settings = read_settings(given)
    urls = {"database": settings.database_url, "broker": settings.broker.get_secret_value()}
    values = {
        name: value
        for part in (settings, settings.limits)
        for name, value in part
        if name != "limits"
    } | urls
    width = max(len(name) for name in values)
    for name, value in values.items():
        typer.echo(f"{name:<{width}}  {_shown(value)}  ({source_of(name, given)})")


def _shown(value: Any) -> str:
    """Format a value for people; of a URL everything but its password."""
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
