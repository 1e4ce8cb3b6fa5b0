"""`rtdash guests`: what is stored of a guest, exported or erased."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtdash.cli.credentials import DataOption, find_token, find_url
from rtdash.cli.failures import CommandFailed, Exit
from rtdash.cli.options import DatabaseOption
from rtdash.domain.printable import json_document

if TYPE_CHECKING:
    from rtdash.store.guests import Guest

app = typer.Typer(
    help=(
        "Export or erase what is stored of a guest."
        "\n\nExamples: rtdash guests export --email ann@example.com · rtdash guests erase --phone"
        " +351555010203"
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
)

EmailOption = Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="By e-mail.")]
PhoneOption = Annotated[
    str | None, typer.Option("--phone", metavar="NUMBER", help="By the digits of a telephone.")
]
NameOption = Annotated[
    str | None,
    typer.Option("--name", metavar="NAME", help="By name; all guests of that name are meant."),
]


@app.command()
def export(
    email: EmailOption = None,
    phone: PhoneOption = None,
    name: NameOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Print what is stored of a guest, as JSON.

    That is reservations, versions and events.

    Example: rtdash guests export --email ann@example.com > ann.json
    """
    from rtdash.store.guests import export_guest

    guest = _guest("export", email, phone, name)
    found = _run("export", guest, data, database, lambda conn: export_guest(conn, guest))
    typer.echo(json_document(found))
    if not found["reservations"]:
        raise CommandFailed("nothing is stored of such a guest")


@app.command()
def erase(
    email: EmailOption = None,
    phone: PhoneOption = None,
    name: NameOption = None,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Erase name, e-mail and telephone of a guest.

    They go from reservations, versions and events. Statistics stay as they are; clients get a
    reservation_update without the name.

    Example: rtdash guests erase --email ann@example.com
    """
    from rtdash.domain.instants import utc_now
    from rtdash.store.guests import erase_guest

    guest = _guest("erase", email, phone, name)

    def work(conn: Any) -> dict[str, int]:
        events, _ = erase_guest(conn, guest, now=utc_now())
        return {"reservations": len(events)}

    erased = _run("erase", guest, data, database, work)["reservations"]
    if not erased:
        raise CommandFailed("nothing is stored of such a guest")
    typer.echo(f"erased from {erased} reservation{'s' * (erased != 1)}", err=True)


def _guest(act: str, email: str | None, phone: str | None, name: str | None) -> "Guest":
    from rtdash.store.guests import Guest

    given = {"email": email, "phone": phone, "name": name}
    named = {key: value for key, value in given.items() if value and value.strip()}
    if len(named) != 1:
        raise CommandFailed(
            "name the guest by one of --email, --phone and --name",
            hint=f"rtdash guests {act} --email ann@example.com",
            code=Exit.USAGE,
        )
    return Guest(**named)


def _run(
    act: str, guest: "Guest", data: Path | None, database: str | None, work: Any
) -> dict[str, Any]:
    """Work on the store; ask the server that works on it, where a SQLite file is locked by one."""
    from rtdash.cli.http_client import request_json
    from rtdash.cli.stores import read_store_settings, require_store, try_write_store

    settings = read_store_settings(data, database)
    require_store(settings)
    result: dict[str, Any] | None = try_write_store(settings, work)
    if result is None:
        body = {
            key: value
            for key in ("email", "phone", "name")
            if (value := getattr(guest, key)) is not None
        }
        result = request_json(
            "POST",
            find_url(data, None),
            f"/api/admin/guests/{act}",
            find_token(data, None, admin=True),
            json=body,
            shape={"reservations": (int, list)},
        )
    return result
