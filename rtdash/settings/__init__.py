"""Settings of a server. Read by cli and server only."""

from rtdash.settings.model import (
    SETTING_NAMES,
    Limits,
    Settings,
    environment_without_settings,
)
from rtdash.settings.secret import SECRET_FILE, SecretUnusable, load_secret

__all__ = [
    "SECRET_FILE",
    "SETTING_NAMES",
    "Limits",
    "SecretUnusable",
    "Settings",
    "environment_without_settings",
    "load_secret",
]
