"""`rtdash serve`: the server, its address left for the other commands, and traffic beside it on
request.
"""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtdash.cli.address_file import AddressFile
from rtdash.cli.configuration import ConfigOption, read_settings
from rtdash.cli.credentials import DataOption
from rtdash.cli.listening import open_listeners, remove_unix_socket, url_of
from rtdash.cli.options import option
from rtdash.cli.quantities import parse_rate
from rtdash.cli.start_checks import refuse_impossible, warn_of_passwords

if TYPE_CHECKING:
    from rtdash.settings import Settings

DatabaseOption = Annotated[
    str | None,
    option(
        help="Store: sqlite:///FILE or postgresql://… [default: SQLite in the data directory]",
    ),
]
BrokerOption = Annotated[
    str | None,
    option(
        help=(
            "Broker between processes: redis://… amqp://… kafka://… postgresql [default: postgresql"
            " with a PostgreSQL store, else memory://]"
        ),
    ),
]
WorkersOption = Annotated[
    int | None,
    option(
        help="Processes; more than one needs PostgreSQL. [default: 1]",
    ),
]
TrafficOption = Annotated[
    str | None,
    option(
        metavar="[RATE]",
        help="Make traffic as well, e.g. 5/s. [1/s when no rate is given]",
    ),
]


def serve(
    host: Annotated[
        str | None,
        option(
            help="Address to listen on, or unix:/PATH. [default: 127.0.0.1]",
        ),
    ] = None,
    port: Annotated[
        int | None,
        option(
            help="Port to listen on; 0 takes a free one. [default: 8000]",
        ),
    ] = None,
    data: DataOption = None,
    database: DatabaseOption = None,
    broker: BrokerOption = None,
    workers: WorkersOption = None,
    ssl_certfile: Annotated[Path | None, typer.Option(help="TLS certificate chain (PEM).")] = None,
    ssl_keyfile: Annotated[Path | None, typer.Option(help="TLS private key (PEM).")] = None,
    simulate: TrafficOption = None,
    venues: Annotated[
        Path | None, typer.Option(help="Venue file (TOML) to import at the start.")
    ] = None,
    admin_port: Annotated[
        int | None,
        option(help="Port of its own for health and metrics."),
    ] = None,
    config: ConfigOption = None,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the dashboard in the browser, signed in.")
    ] = False,
) -> None:
    """Run the server: REST and WebSocket over a durable store.

    Then, in another terminal: rtdash watch

    Examples: rtdash serve · rtdash serve --port 9000 --data ./data · rtdash serve --simulate 1/s
    · rtdash serve --host 0.0.0.0 --ssl-certfile chain.pem --ssl-keyfile key.pem
    """
    from rtdash.file_limit import raise_file_limit
    from rtdash.server import logs

    options = {
        "host": host,
        "port": port,
        "data": data,
        "database": database,
        "broker": broker,
        "workers": workers,
        "ssl_certfile": ssl_certfile,
        "ssl_keyfile": ssl_keyfile,
        "venues": venues,
        "admin_port": admin_port,
        "config": config,
    }
    given = {name: value for name, value in options.items() if value is not None}
    settings = read_settings(given)
    refuse_impossible(settings)
    if simulate is not None:
        parse_rate(simulate)
    logs.set_up(settings.log, settings.log_level)
    warn_of_passwords(database=database, broker=broker)
    raise_file_limit()
    _run(settings, given, simulate, open_browser=open_browser)


def _run(
    settings: "Settings", given: dict[str, Any], simulate: str | None, *, open_browser: bool
) -> None:
    from rtdash.cli import workers
    from rtdash.cli.server_process import serve_one, settings_reader
    from rtdash.cli.streams import has_terminal
    from rtdash.cli.traffic_process import TrafficProcess
    from rtdash.server import service_manager
    from rtdash.server.process_hooks import ProcessHooks

    listeners = open_listeners(settings)
    url = url_of(listeners, settings)
    address, traffic = AddressFile(settings.data, url), TrafficProcess()

    def ready() -> None:
        _leave_address(address)
        _announce(url, settings)
        service_manager.notify(service_manager.READY)
        if simulate:
            traffic.start(url, settings.data, simulate)
        if open_browser:
            _open(url, settings.data)

    def ending() -> None:
        # first of all, since a second Ctrl-C leaves no time for it: no command may find a server
        # that is ending
        address.remove()
        service_manager.notify(service_manager.STOPPING)
        traffic.end()

    reread = None if has_terminal() else settings_reader(given)
    hooks = ProcessHooks(ready, ending, traffic.is_ending, reread)
    try:
        if settings.workers > 1:
            workers.run(settings, given, listeners, hooks)
        else:
            serve_one(settings, listeners, hooks)
    finally:
        ending()
        listeners.stop_listening()
        remove_unix_socket(settings.host)
        traffic.wait()


def _leave_address(address: AddressFile) -> None:
    """Write the address file; on a read-only file system the server runs without it."""
    try:
        address.write()
    except OSError as error:
        logging.getLogger(__name__).warning(
            "the address can't be left for other commands (%s: %s): give them --url or RTDASH_URL",
            error.filename,
            error.strerror,
        )


def _announce(url: str, settings: Any) -> None:
    from rtdash.server import logs

    logs.flush()
    sys.stderr.write(
        f"rtdash is ready at {url}  (data in {settings.data}, process {os.getpid()}; Ctrl-C ends"
        f" it)\n  next: rtdash open   (the dashboard, signed in)   ·   rtdash watch hotel_stats\n"
    )
    sys.stderr.flush()


def _open(url: str, data: Path) -> None:
    """Open the page, or say how to: a server runs on without a browser."""
    from rtdash.cli.open_page import has_desktop, open_signed_in

    if not has_desktop() or not open_signed_in(url, data):
        sys.stderr.write(f"no browser could be opened; sign in by: rtdash open --data {data}\n")
