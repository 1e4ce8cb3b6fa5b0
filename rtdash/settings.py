"""Settings: flags over `RTDASH_*` environment over `rtdash.toml` over defaults. Read by cli and
server/app only.
"""

import contextlib
import os
import secrets
from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from platformdirs import user_data_path
from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

CONFIG_FILE = "rtdash.toml"
SECRET_FILE = "secret"  # noqa: S105
MIN_SECRET_BYTES = 32
"""Shortest key that HS256 allows (RFC 7518 section 3.2)."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


# a refusal at the start, for the person who configured the server
class SecretUnusable(Exception):  # noqa: N818
    """The secret that signs tokens is too short; the text never holds it."""

    hint = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"


class _LayeredSettings(BaseSettings):
    """Base of settings that come from flags, environment and file, in this order of precedence."""

    model_config = SettingsConfigDict(
        env_prefix="RTDASH_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in their order: no .env and no secrets directory, one file is enough."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, CONFIG_FILE)


class Limits(_LayeredSettings):
    """Limits of what clients may do; 0 means none. In the environment each has the prefix `RTDASH_`
    and upper case.
    """

    limits_dry_run: bool = False
    max_connections: int = Field(10_000, ge=0)
    connections_per_user: int = Field(10, ge=0)
    handshakes_per_minute: int = Field(600, ge=0)
    handshakes_burst: int = Field(1_000, ge=1)
    channels_per_connection: int = Field(32, ge=0)
    messages_per_second: int = Field(20, ge=0)
    messages_burst: int = Field(40, ge=1)
    message_limit_bytes: int = Field(16_384, ge=0)
    requests_per_second: int = Field(50, ge=0)
    requests_burst: int = Field(100, ge=1)
    buffer_limit_bytes: int = Field(1_048_576, ge=0)
    ping_interval_s: float = Field(25, ge=0)
    pong_timeout_s: float = Field(10, ge=0)
    idle_timeout_s: float = Field(15, ge=0)
    handshake_timeout_s: float = Field(10, ge=0)
    session_ttl_s: float = Field(600, ge=0)
    retention_s: float = Field(604_800, ge=0)
    drain_window_s: float = Field(5, ge=0)
    restart_allowance_s: float = Field(3, ge=0)
    shutdown_timeout_s: float = Field(15, ge=0)
    compress_min_bytes: int = Field(512, ge=0)

    @property
    def longest_message_bytes(self) -> int:
        """Return the length in bytes from which a message is refused; 0 where none is, as in a dry
        run.
        """
        return 0 if self.limits_dry_run else self.message_limit_bytes


class Settings(_LayeredSettings):
    """Settings of a server."""

    data: Path = Field(default_factory=lambda: user_data_path("rtdash"))
    database: SecretStr | None = None
    broker: SecretStr = SecretStr("memory://")
    url: str | None = None
    secret: SecretStr | None = None
    jwt_key_file: Path | None = None
    jwks_url: str | None = None
    issuer: str | None = None
    audience: str | None = None
    allowed_origins: str = ""
    trusted_proxies: str = ""
    lane: Literal["fast", "asgi"] = "fast"
    metrics_token: SecretStr | None = None
    log: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    workers: int = Field(1, ge=1)
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    venues: Path | None = Field(None, validation_alias=AliasChoices("venues", "RTDASH_VENUES"))
    limits: Limits = Field(default_factory=Limits)

    @field_validator("allowed_origins")
    @classmethod
    def _canonical(cls, text: str) -> str:
        return ",".join(_origin(one.strip()) for one in text.split(",") if one.strip())

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        return ",".join(_network(one.strip()) for one in text.split(",") if one.strip())

    @property
    def database_url(self) -> str:
        """Return the store's URL; by default a SQLite file in the data directory."""
        return (
            self.database.get_secret_value()
            if self.database
            else f"sqlite:///{self.data / 'rtdash.db'}"
        )


SETTING_NAMES = frozenset((*Settings.model_fields, *Limits.model_fields)) - {"limits"}
"""Names of all settings as in rtdash.toml; in the environment with the prefix `RTDASH_` and in upper
case."""


def environment_without_settings() -> dict[str, str]:
    """Return the environment for a server that a command starts for itself: the settings of other
    servers must not reach it, their stores least of all.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("RTDASH_")}


def _origin(text: str) -> str:
    """Return an origin as browsers write it (RFC 6454 section 6.2), so that REST and WebSocket
    compare it alike. Raises ValueError.
    """
    parts = urlsplit(text.lower().rstrip("/"))
    if text == "*":
        return text
    if (
        parts.scheme not in _DEFAULT_PORTS
        or not parts.hostname
        or parts.path
        or parts.query
        or parts.username
    ):
        raise ValueError(
            f"{text!r} is no origin: write it as in https://dashboard.example, or * for every page"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (
        f":{parts.port}" if parts.port not in {None, _DEFAULT_PORTS[parts.scheme]} else ""
    )


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


def load_secret(settings: Settings) -> str:
    """Return the secret that signs and verifies HS256 tokens: the setting, or the file `secret` in
    the data directory.

    The file is created at the first start, readable by its owner only. Raises SecretUnusable,
    OSError.
    """
    path = settings.data / SECRET_FILE
    if settings.secret is not None:
        secret = settings.secret.get_secret_value()
    else:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        secret = _read_or_create(path)
    if len(secret.encode()) < MIN_SECRET_BYTES:
        where = "the setting RTDASH_SECRET" if settings.secret is not None else str(path)
        raise SecretUnusable(f"the secret in {where} has fewer than {MIN_SECRET_BYTES} bytes")
    return secret


def _read_or_create(path: Path) -> str:
    """Read the file. Of several processes that start at once one creates it, and all read the
    same.
    """
    if not path.exists():
        mine = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(
            os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(mine, path)
        mine.unlink()
    return path.read_text(encoding="utf-8").strip()
