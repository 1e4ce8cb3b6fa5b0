"""`rtdash serve`: the server, its address left for the other commands, traffic beside it when
asked.
"""

import logging
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rtdash.cli.configuration import read_settings
from rtdash.cli.credentials import ADDRESS_FILE, DataOption
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
        help="Processes; more than one needs PostgreSQL and a broker. [default: 1]",
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
) -> None:
    """Run the server: REST and WebSocket over a durable store.

    Then, in another terminal: rtdash watch hotel_stats
    """
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
    }
    settings = read_settings({name: value for name, value in given.items() if value is not None})
    _refuse_impossible(settings)
    if simulate is not None:
        parse_rate(simulate)
    logs.set_up(settings.log, settings.log_level)
    _warn_of_passwords(database=database, broker=broker)
    raise_file_limit()
    _run(settings, simulate)


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
        settings.database_url.startswith("sqlite")
        or settings.broker.get_secret_value().startswith("memory")
    ):
        raise CommandFailed(
            f"{settings.workers} workers need a store and a broker that processes can share",
            hint=(
                "add --database postgresql://… and --broker redis://… (or amqp://…, kafka://…), or"
                " run one worker"
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
    """Everybody on the machine reads command lines."""
    from urllib.parse import urlsplit

    for option, url in given.items():
        if url is not None and urlsplit(url).password:
            logging.getLogger(__name__).warning(
                "the password in --%s stands in the process list: give the URL as RTDASH_%s or in"
                " rtdash.toml",
                option,
                option.upper(),
            )


def raise_file_limit() -> None:
    """As many open files as the system lets this process have: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def serve_one(
    settings: Any,
    listener: socket.socket,
    *,
    on_ready: Callable[[], None],
    on_ending: Callable[[], None],
    siblings: Any = None,
) -> None:
    """One server in this process, until it is told to end; one of several has its `siblings`.
    Raises CommandFailed when it can't start, KeyboardInterrupt after SIGINT.
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
            create_app(settings, worker_metrics=siblings),
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


def _run(settings: Any, simulate: str | None) -> None:
    from rtdash.cli import workers
    from rtdash.cli.traffic_process import TrafficProcess
    from rtdash.server import serving

    try:
        listener = (workers.reserve if settings.workers > 1 else serving.bind)(
            settings.host, settings.port
        )
    except serving.ListenFailed as error:
        raise CommandFailed(
            str(error),
            hint=(
                "free it, or choose another: rtdash serve --host 127.0.0.1 --port 0 takes a free"
                " port"
            ),
        ) from None
    url = f"{'https' if settings.ssl_certfile else 'http'}://{_bracketed(settings.host)}:{listener.getsockname()[1]}"
    address = settings.data / ADDRESS_FILE
    traffic = TrafficProcess()

    def ready() -> None:
        _leave(address, url)
        _announce(url, settings)
        if simulate:
            traffic.start(url, settings.data, simulate)

    def ending() -> None:
        """First of all, since a second Ctrl-C leaves no time for it: who looks for a server finds
        none that is going.
        """
        _withdraw(address, url)
        traffic.end()

    try:
        if settings.workers > 1:
            workers.run(
                settings,
                (settings.host, listener.getsockname()[1]),
                on_ready=ready,
                on_ending=ending,
            )
        else:
            serve_one(settings, listener, on_ready=ready, on_ending=ending)
    finally:
        ending()
        listener.close()
        traffic.wait()


def _leave(address: Path, url: str) -> None:
    """Write the address in one step: a command that looks for it finds all of it or nothing."""
    address.parent.mkdir(
        mode=0o700, parents=True, exist_ok=True
    )  # with a server as store and a given secret nobody else has made it
    draft = address.with_name(f"{address.name}.{os.getpid()}")
    draft.write_text(url + "\n", encoding="utf-8")
    draft.replace(address)


def _announce(url: str, settings: Any) -> None:
    sys.stderr.write(
        f"rtdash is ready at {url}  (data in {settings.data}, process {os.getpid()}; Ctrl-C ends"
        f" it)\n  next: rtdash watch hotel_stats restaurant_stats   ·   API: {url}/docs\n"
    )
    sys.stderr.flush()


def _withdraw(address: Path, url: str) -> None:
    """Take the address back, unless another server has put its own there."""
    try:
        if address.read_text(encoding="utf-8").strip() == url:
            address.unlink()
    except OSError:
        return


def _bracketed(host: str) -> str:
    # what a local client types when all addresses are listened on
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{shown}]" if ":" in shown else shown
