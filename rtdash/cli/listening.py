"""Listening sockets of `rtdash serve`, by its settings."""

from pathlib import Path
from typing import TYPE_CHECKING

from rtdash.cli.failures import CommandFailed

if TYPE_CHECKING:
    from rtdash.server.listener import Listeners
    from rtdash.settings import Settings


def open_listeners(settings: "Settings") -> "Listeners":
    """Open the sockets to listen on, or take those that the service manager has opened. Raises
    CommandFailed.
    """
    from rtdash.server import listener
    from rtdash.server.listener import Listeners

    passed = listener.passed_sockets()
    bind = listener.reserve if settings.workers > 1 else listener.bind
    admin_host = "127.0.0.1" if settings.host.startswith(listener.UNIX_PREFIX) else settings.host
    try:
        main = passed.main if passed else bind(settings.host, settings.port)
        admin = passed.admin if passed else None
        if admin is None and settings.admin_port is not None:
            admin = bind(admin_host, settings.admin_port)
    except listener.ListenFailed as error:
        raise CommandFailed(
            str(error),
            hint=(
                "free it, or choose another: rtdash serve --host 127.0.0.1 --port 0 takes a free"
                " port"
            ),
        ) from None
    return Listeners(main, admin)


def url_of(listeners: "Listeners", settings: "Settings") -> str:
    """Return the URL for a client on this machine; `unix:PATH` for a Unix socket."""
    from rtdash.server.listener import UNIX_PREFIX, is_unix

    name = listeners.sockets[0].getsockname()
    if is_unix(listeners.sockets[0]):
        return f"{UNIX_PREFIX}{name}"
    scheme = "https" if settings.ssl_certfile else "http"
    return f"{scheme}://{_bracketed(settings.host)}:{name[1]}"


def remove_unix_socket(host: str) -> None:
    """Remove the file of a Unix socket, which closing leaves behind."""
    from rtdash.server.listener import UNIX_PREFIX

    if host.startswith(UNIX_PREFIX):
        Path(host.removeprefix(UNIX_PREFIX)).unlink(missing_ok=True)


def _bracketed(host: str) -> str:
    # the address that a local client types when all addresses are listened on
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{shown}]" if ":" in shown else shown
