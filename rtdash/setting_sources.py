"""Sources of settings: `RTDASH_*` environment variables, the files that `RTDASH_*_FILE` variables
name, and one configuration file. Light to import, as every command reads some settings.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtdash.text_files import NotText, read_text_file

PREFIX = "RTDASH_"
CONFIG_FILE = "rtdash.toml"
SYSTEM_CONFIG_FILE = Path("/etc/rtdash/rtdash.toml")

FILE_SETTINGS = frozenset(
    {"broker", "database", "jwks_url", "metrics_token", "secret", "token", "url"}
)
"""Settings that are secret or may hold a password: each can be read from the file that its name
with `_file` behind it gives, as container platforms mount secrets."""

_SERVICE_LINK_SETTINGS = frozenset({"port", "admin_port"})
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")
"""Kubernetes and Docker links set `NAME_PORT=tcp://ADDRESS:PORT` in each container beside a service
of that name (Kubernetes documentation, "Environment variables" of services)."""


# a refusal at the start, for the operator of the server
class SourceUnusable(Exception):  # noqa: N818
    """A file of settings can't be used; `hint` says how to mend it."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class SettingValues:
    """Settings as found: `values` by name, their `origins` for people, `warnings` of what was
    ignored, and the path of the configuration file, None where there is none.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    file: Path | None = None


def read_sources(config: Path | None = None) -> SettingValues:
    """Return the settings of environment and configuration file, the environment first. `config`
    is the file that a flag names, else RTDASH_CONFIG. Raises SourceUnusable.
    """
    path, table, warnings = _read_config_file(config)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, (value, _) in _with_files(table, str.lower, str(path)).items():
        values[name], origins[name] = value, str(path)
    for name, (value, key) in _with_files(_environment(), _variable, "the environment").items():
        if name in _SERVICE_LINK_SETTINGS and is_service_link(value):
            warnings.append(
                f"{key}={value} is ignored: Kubernetes sets it for a Service of that name; to"
                f" choose the port, use --{name.replace('_', '-')} or {CONFIG_FILE}"
            )
            continue
        values[name], origins[name] = value, f"environment {key}"
    return SettingValues(values, origins, tuple(warnings), path)


def is_service_link(value: str) -> bool:
    """Return whether a variable has the value of a link to a service, and is meant for nothing."""
    return _SERVICE_LINK.match(value) is not None


def config_path(config: Path | None = None) -> Path | None:
    """Return the configuration file: the named one, else rtdash.toml in the working directory, else
    the one of the system; None where none exists.
    """
    if named := config or os.environ.get(f"{PREFIX}CONFIG"):
        return Path(named)
    return next((one for one in (Path(CONFIG_FILE), SYSTEM_CONFIG_FILE) if one.is_file()), None)


def default_data_directory() -> Path:
    """Return the user's data directory, or that of a service for a user without a home."""
    from platformdirs import user_data_path  # noqa: PLC0415 - few commands need it

    with suppress(RuntimeError):  # a user without an entry in the user database, as in containers
        path = user_data_path("rtdash")
        if path.is_absolute():
            return path
    return Path("/var/lib/rtdash")


def _read_config_file(config: Path | None) -> tuple[Path | None, dict[str, Any], list[str]]:
    path = config_path(config)
    if path is None:
        return None, {}, []
    try:
        return path, tomllib.loads(read_text_file(path)), []
    except PermissionError as error:
        if path == SYSTEM_CONFIG_FILE:  # for the service's user alone, and another user types
            return None, {}, [f"{path} is ignored: {error.strerror}"]
        raise SourceUnusable(
            f"{path} can't be read: {error.strerror}", "run as its owner, or name another: --config"
        ) from None
    except (tomllib.TOMLDecodeError, NotText, OSError) as error:
        raise SourceUnusable(
            f"{path} can't be read: {error}", "mend that line, or take the file away"
        ) from None


def _environment() -> dict[str, str]:
    """Return the variables with our prefix by lower-case name; an empty one counts as absent, as
    compose files leave them. The carriage return of a line that ends as on Windows is no part of a
    value.
    """
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, given in os.environ.items()
        if name.startswith(PREFIX) and (value := given.rstrip("\r"))
    }


def _with_files(
    given: Mapping[str, Any], spell: Callable[[str], str], source: str
) -> dict[str, tuple[Any, str]]:
    """Return the value of each setting and the key that gave it, with the content of the files that
    stand for values.
    """
    values = {name: (value, spell(name)) for name, value in given.items() if not _stands_for(name)}
    for name in sorted(FILE_SETTINGS):
        if (path := given.get(f"{name}_file")) is None:
            continue
        key = spell(f"{name}_file")
        if name in values:
            raise SourceUnusable(
                f"{source} has both {spell(name)} and {key}", "take one of the two away"
            )
        values[name] = _read_value(key, Path(path)), key
    return values


def _read_value(key: str, path: Path) -> str:
    try:
        text = read_text_file(path).strip()
    except (OSError, NotText) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SourceUnusable(
            f"{key} names {path}, which can't be read: {reason}",
            "name a file that is there and that this user may read",
        ) from None
    if not text:
        raise SourceUnusable(f"{key} names {path}, which is empty", "write the value into it")
    return text


def _stands_for(name: str) -> bool:
    return name.endswith("_file") and name.removesuffix("_file") in FILE_SETTINGS


def _variable(name: str) -> str:
    return PREFIX + name.upper()
