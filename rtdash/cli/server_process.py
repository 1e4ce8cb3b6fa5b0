"""One server in this process: the limit of open files, and the translation of a failed start into
words.
"""

import resource
import socket
from collections.abc import Callable
from typing import Any

from rtdash.cli.failures import CommandFailed


def raise_file_limit() -> None:
    """Allow this process as many open files as the system permits: each connection is one. Children
    inherit the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def serve_one(
    settings: Any,
    listener: socket.socket,
    *,
    on_ready: Callable[[], None],
    on_ending: Callable[[], None],
    worker_metrics: Any = None,
) -> None:
    """Serve in this process until a signal ends it; `worker_metrics` is given to one of several
    workers. Raises CommandFailed when the server can't start, KeyboardInterrupt after SIGINT.
    """
    from rtdash.broker.base import BrokerUnusable
    from rtdash.domain.venue_file import VenueFileError
    from rtdash.server import serving
    from rtdash.server.app import create_app
    from rtdash.server.auth.keys import KeyUnusable
    from rtdash.settings import SecretUnusable
    from rtdash.store.database import StoreError

    try:
        serving.run(
            create_app(settings, worker_metrics=worker_metrics),
            settings,
            listener,
            on_ready=on_ready,
            on_ending=on_ending,
        )
    except (StoreError, BrokerUnusable, KeyUnusable, SecretUnusable, VenueFileError) as error:
        raise CommandFailed(str(error), hint=getattr(error, "hint", None)) from None
    except OSError as error:
        raise CommandFailed(
            f"{error.filename or settings.data}: {error.strerror or error}",
            hint="choose a data directory that you may write: rtdash serve --data DIR",
        ) from None
