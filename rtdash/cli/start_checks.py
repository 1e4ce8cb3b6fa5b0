"""Checks of the settings before a server starts: what can't work is refused before anything is
made.
"""

import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.venues import read_venue_file


def refuse_impossible(settings: Any) -> None:
    """Raise CommandFailed for settings that can't work together, or name files that can't be used."""
    for option, file in (
        ("--venues", settings.venues),
        ("--ssl-certfile", settings.ssl_certfile),
        ("--ssl-keyfile", settings.ssl_keyfile),
    ):
        if file is not None and not os.access(file, os.R_OK):
            raise CommandFailed(
                f"{option}: {file} can't be read",
                hint="name a file that is there and that you may read",
                code=Exit.USAGE,
            )
    if settings.venues is not None:
        read_venue_file(settings.venues)
    if bool(settings.ssl_certfile) != bool(settings.ssl_keyfile):
        raise CommandFailed(
            "TLS needs a certificate and its key, and only one of them is set",
            hint="rtdash serve --ssl-certfile CHAIN.pem --ssl-keyfile KEY.pem",
            code=Exit.USAGE,
        )
    if settings.ssl_certfile:
        _refuse_certificate(settings.ssl_certfile, settings.ssl_keyfile)
    if settings.workers > 1 and (
        settings.database_url.startswith("sqlite") or settings.broker_url.startswith("memory")
    ):
        raise CommandFailed(
            f"{settings.workers} workers need a store and a broker that processes can share",
            hint=(
                "add --database postgresql://… (it is the broker, too, unless --broker names another),"
                " or run one worker"
            ),
            code=Exit.USAGE,
        )


def _refuse_certificate(certificate: Path, key: Path) -> None:
    from rtdash.server.tls import FORM, load_context

    try:
        load_context(certificate, key)
    except (OSError, ValueError):
        raise CommandFailed(
            f"{certificate} and {key} are no certificate chain and its key",
            hint=FORM,
            code=Exit.USAGE,
        ) from None


def warn_of_passwords(**given: str | None) -> None:
    """Log a warning for each password on the command line, which every user of the machine can
    read.
    """
    for option, url in given.items():
        if url is not None and urlsplit(url).password:
            logging.getLogger(__name__).warning(
                "the password in --%s is visible in the process list: give the URL as RTDASH_%s or in"
                " rtdash.toml",
                option,
                option.upper(),
            )
