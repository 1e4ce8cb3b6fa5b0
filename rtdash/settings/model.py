"""Settings of a server: flags over `RTDASH_*` environment over a configuration file over defaults."""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from rtdash.protocol.origins import Origins
from rtdash.protocol.webhook_addresses import AllowedAddresses
from rtdash.setting_sources import PREFIX, default_data_directory, read_sources

PREFIX_PATH = re.compile(r"(/[\w.~!$&'()*+,;=:@%-]+)+")
"""Segments of a path (RFC 3986 section 3.3)."""


LONGEST_S = 36_500 * 86_400
"""A century: calendars and event loops know no much longer time, and no time without end."""
LARGEST_BOUND = 10**12
"""Of a number of bytes, connections or messages: every counter can hold it."""

Seconds = Annotated[float, Field(ge=0, le=LONGEST_S)]
Bound = Annotated[int, Field(ge=0, le=LARGEST_BOUND)]
Burst = Annotated[int, Field(ge=1, le=LARGEST_BOUND)]

_SOURCE_LIST = re.compile(r"[!-+\--:<-~]+( +[!-+\--:<-~]+)*")
"""Sources of a Content-Security-Policy's directive: visible characters, without the two that end it."""


class _LayeredSettings(BaseModel):
    """Base of settings that come from flags, environment and file, in this order of precedence."""

    model_config = ConfigDict(extra="ignore", frozen=True, validate_default=True)

    def __init__(self, **given: Any) -> None:
        found = read_sources(given.get("config")).values
        super().__init__(**{**found, **given})


class Limits(_LayeredSettings):
    """Limits of what clients may do; 0 means none. In the environment each has the prefix `RTDASH_`
    and upper case.
    """

    limits_dry_run: bool = False
    max_connections: Bound = 10_000
    connections_per_user: Bound = 10
    handshakes_per_minute: Bound = 600
    handshakes_burst: Burst = 1_000
    channels_per_connection: Bound = 32
    messages_per_second: Bound = 20
    messages_burst: Burst = 40
    message_limit_bytes: Bound = 16_384
    requests_per_second: Bound = 50
    requests_burst: Burst = 100
    buffer_limit_bytes: Bound = 1_048_576
    keep_alive_s: Seconds = 75
    jwt_leeway_s: float = Field(10, ge=0, le=300)
    ping_interval_s: Seconds = 25
    pong_timeout_s: Seconds = 10
    idle_timeout_s: Seconds = 15
    handshake_timeout_s: Seconds = 10
    session_ttl_s: Seconds = 600
    login_ttl_s: Seconds = 2_592_000
    retention_s: Seconds = 604_800
    guest_retention_days: int = Field(0, ge=0, le=36_500)
    drain_delay_s: Seconds = 0
    drain_window_s: Seconds = 5
    restart_allowance_s: Seconds = 3
    shutdown_timeout_s: Seconds = 15
    compress_min_bytes: Bound = 512

    @property
    def longest_message_bytes(self) -> int:
        """Return the length in bytes from which a message is refused; 0 where none is, as in a dry
        run.
        """
        return 0 if self.limits_dry_run else self.message_limit_bytes

    def adopt(self, other: "Limits") -> None:
        """Take over all values of `other`. The parts of a server share this one object, so that new
        limits reach them without being handed around.
        """
        self.__dict__.update(other.__dict__)


class Settings(_LayeredSettings):
    """Settings of a server. `config` names the configuration file, where a flag chose one."""

    config: Path | None = None
    data: Path = Field(default_factory=default_data_directory)
    database: SecretStr | None = None
    broker: SecretStr | None = None
    url: str | None = None
    secret: SecretStr | None = None
    jwt_key_file: Path | None = None
    jwks_url: str | None = None
    issuer: str | None = None
    audience: str | None = None
    local_tokens: bool = True
    allowed_origins: str = ""
    trusted_proxies: str = ""
    hooks_allow: str = ""
    frame_ancestors: str = "'none'"
    lane: Literal["fast", "asgi"] = "fast"
    metrics_token: SecretStr | None = None
    log: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    admin_port: int | None = Field(None, ge=0, le=65535)
    root_path: str = ""
    workers: int = Field(1, ge=1)
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    venues: Path | None = None
    limits: Limits = Field(default_factory=lambda given: Limits(config=given.get("config")))

    @field_validator("allowed_origins")
    @classmethod
    def _canonical(cls, text: str) -> str:
        return str(Origins.parse(text))

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        return ",".join(_network(one.strip()) for one in text.split(",") if one.strip())

    @field_validator("hooks_allow")
    @classmethod
    def _receivers(cls, text: str) -> str:
        return str(AllowedAddresses.parse(text))

    @field_validator("frame_ancestors")
    @classmethod
    def _sources(cls, text: str) -> str:
        if not _SOURCE_LIST.fullmatch(text):
            raise ValueError(
                f"{text!r} is no list of sources: write it as in https://portal.example"
                " https://*.example.com"
            )
        return text

    @field_validator("root_path")
    @classmethod
    def _prefix(cls, text: str) -> str:
        prefix = text.rstrip("/")
        if prefix and not PREFIX_PATH.fullmatch(prefix):
            raise ValueError(f"{text!r} is no path: write it as in /rtdash")
        return prefix

    @property
    def broker_url(self) -> str:
        """Return the broker's URL; by default a PostgreSQL store itself, else `memory://`."""
        if self.broker is not None:
            return self.broker.get_secret_value()
        return "postgresql" if self.database_url.startswith("postgres") else "memory://"

    @property
    def origins(self) -> Origins:
        """Return the pages of other sites that may ask."""
        return Origins.parse(self.allowed_origins)

    @property
    def database_url(self) -> str:
        """Return the store's URL; by default a SQLite file in the data directory."""
        return (
            self.database.get_secret_value()
            if self.database
            else f"sqlite:///{self.data / 'rtdash.db'}"
        )


SETTING_NAMES = frozenset((*Settings.model_fields, *Limits.model_fields)) - {"limits", "config"}
"""Names of all settings as in rtdash.toml; in the environment with the prefix `RTDASH_` and in
upper case."""


def environment_without_settings() -> dict[str, str]:
    """Return the environment for a server that a command starts for itself: the settings of other
    servers must not reach it, their stores least of all.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def _network(text: str) -> str:
    """Return an address or network of proxies, or `*` for every peer. Raises ValueError."""
    try:
        if text != "*":
            ip_network(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no network: write it as in 10.0.0.0/8 or 192.0.2.7"
        ) from None
    return text
