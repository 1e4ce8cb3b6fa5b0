"""`rtdash serve`: the server, its address left for the other commands, and traffic beside it on
request.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rtdash.cli.address_file import AddressFile
from rtdash.cli.configuration import ConfigOption, read_settings
from rtdash.cli.credentials import DataOption
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.quantities import parse_rate
from rtdash.cli.venues import read_venue_file

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        help="Store: sqlite:///FILE or postgresql://… [default: SQLite in the data directory]",
        show_default=False,
    ),
]
BrokerOption = Annotated[
    str | None,
    typer.Option(
        help="Broker between processes: redis://… amqp://… kafka://… [default: memory://]",
        show_default=False,
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        help="Processes; more than one needs PostgreSQL. [default: 1]",
        show_default=False,
    ),
]
TrafficOption = Annotated[
    str | None,
    typer.Option(
        metavar="[RATE]",
        help="Make traffic as well, e.g. 5/s. [1/s when no rate is given]",
        show_default=False,
    ),
]


def serve(
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on. [default: 127.0.0.1]", show_default=False),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port to listen on; 0 takes a free one. [default: 8000]", show_default=False
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
        typer.Option(help="Port of its own for health and metrics.", show_default=False),
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
    from rtdash.cli.server_process import raise_file_limit
    from rtdash.server import logs

    given = {
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
    settings = read_settings({name: value for name, value in given.items() if value is not None})
    _refuse_impossible(settings)
    if simulate is not None:
        parse_rate(simulate)
    logs.set_up(settings.log, settings.log_level)
    _warn_of_passwords(database=database, broker=broker)
    raise_file_limit()
    _run(settings, simulate, open_browser=open_browser)


def _refuse_impossible(settings: Any) -> None:
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
    import ssl

    try:  # with an empty passphrase: without one, OpenSSL would ask the terminal
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=str)
    except (ssl.SSLError, ValueError):
        raise CommandFailed(
            f"{certificate} and {key} are no certificate chain and its key",
            hint=(
                "give both as PEM files, the key without a passphrase, the server's own certificate"
                " first"
            ),
            code=Exit.USAGE,
        ) from None


def _warn_of_passwords(**given: str | None) -> None:
    """Log a warning for each password on the command line, which every user of the machine can read."""
    from urllib.parse import urlsplit

    for option, url in given.items():
        if url is not None and urlsplit(url).password:
            logging.getLogger(__name__).warning(
                "the password in --%s is visible in the process list: give the URL as RTDASH_%s or in"
                " rtdash.toml",
                option,
                option.upper(),
            )


def _run(settings: Any, simulate: str | None, *, open_browser: bool) -> None:
    from rtdash.cli import workers
    from rtdash.cli.server_process import serve_one
    from rtdash.cli.traffic_process import TrafficProcess
    from rtdash.server import listener as listeners

    try:
        listener = (listeners.reserve if settings.workers > 1 else listeners.bind)(
            settings.host, settings.port
        )
    except listeners.ListenFailed as error:
        raise CommandFailed(
            str(error),
            hint=(
                "free it, or choose another: rtdash serve --host 127.0.0.1 --port 0 takes a free"
                " port"
            ),
        ) from None
    port = listener.getsockname()[1]
    url = f"{'https' if settings.ssl_certfile else 'http'}://{_bracketed(settings.host)}:{port}"
    address = AddressFile(settings.data, url)
    traffic = TrafficProcess()

    def ready() -> None:
        address.write()
        _announce(url, settings)
        if simulate:
            traffic.start(url, settings.data, simulate)
        if open_browser:
            _open(url, settings.data)

    def ending() -> None:
        # first of all, since a second Ctrl-C leaves no time for it: no command may find a server
        # that is ending
        address.remove()
        traffic.end()

    try:
        if settings.workers > 1:
            workers.run(settings, (settings.host, port), on_ready=ready, on_ending=ending)
        else:
            serve_one(settings, listener, on_ready=ready, on_ending=ending)
    finally:
        ending()
        listener.close()
        traffic.wait()


def _announce(url: str, settings: Any) -> None:
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


def _bracketed(host: str) -> str:
    # the address that a local client types when all addresses are listened on
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{shown}]" if ":" in shown else shown
