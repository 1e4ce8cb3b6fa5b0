"""One server in this process, and the translation of a failed start into words."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rtdash.cli.configuration import read_settings
from rtdash.cli.failures import CommandFailed, Exit

if TYPE_CHECKING:
    from rtdash.server.listener import Listeners
    from rtdash.server.process_hooks import ProcessHooks
    from rtdash.settings import Settings


def serve_one(
    settings: Any, listeners: "Listeners", hooks: "ProcessHooks", worker_metrics: Any = None
) -> None:
    """Serve in this process until a signal ends it; `worker_metrics` is given to one of several
    workers. Raises CommandFailed when the server can't start, KeyboardInterrupt after SIGINT.
    """
    from rtdash.server.interpreter import hold_collector

    hold_collector()
    from rtdash.broker.base import BrokerUnusable
    from rtdash.domain.venue_file import VenueFileError
    from rtdash.server import serving
    from rtdash.server.app import create_app
    from rtdash.server.auth.keys import KeyUnusable
    from rtdash.settings import SecretUnusable
    from rtdash.store.database import StoreError
    from rtdash.store.venues import VenuesRedefined

    try:
        app = create_app(settings, worker_metrics=worker_metrics)
        serving.run(app, settings, listeners, hooks)
    except VenuesRedefined as refused:
        raise CommandFailed(str(refused), hint=refused.hint, code=Exit.USAGE) from None
    except (StoreError, BrokerUnusable, KeyUnusable, SecretUnusable, VenueFileError) as error:
        raise CommandFailed(str(error), hint=getattr(error, "hint", None)) from None
    except OSError as error:
        raise CommandFailed(
            f"{error.filename or settings.data}: {error.strerror or error}",
            hint="choose a data directory that you may write: rtdash serve --data DIR",
        ) from None


def settings_reader(given: dict[str, Any]) -> Callable[[], "Settings"]:
    """Return a function that reads the settings again, for a reload. It raises ReloadRefused."""

    def reread() -> "Settings":
        from rtdash.server.process_hooks import ReloadRefused

        try:
            return read_settings(given)
        except CommandFailed as failure:
            raise ReloadRefused(failure.what) from None

    return reread
