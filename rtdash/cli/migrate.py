"""`rtdash migrate`: the schema of the store by a command, for servers that have no right to alter
tables.
"""

from typing import Annotated

import typer

from rtdash.cli.credentials import DataOption
from rtdash.cli.failures import CommandFailed
from rtdash.cli.options import DatabaseOption


def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if there is something to do.")
    ] = False,
    data: DataOption = None,
    database: DatabaseOption = None,
) -> None:
    """Bring the store's tables to this version of rtdash. A server does so at its start, too.

    Example: rtdash migrate --check || rtdash migrate
    """
    from rtdash.cli.stores import read_store_settings, write_store
    from rtdash.store.database import StoreError
    from rtdash.store.inspection import read_revisions

    settings = read_store_settings(data, database)
    try:
        present, wanted = read_revisions(settings.database_url)
    except StoreError as error:
        raise CommandFailed(str(error), hint=error.hint) from None
    if present is not None and present >= wanted:  # a newer one works with this version
        typer.echo(f"up to date: {present}")
        return
    if check:
        raise CommandFailed(
            f"the store is at {present or 'nothing'}, this version needs {wanted}",
            hint="rtdash migrate",
        )
    write_store(settings, lambda _connection: None)
    typer.echo(f"migrated: {present or 'nothing'} → {wanted}")
