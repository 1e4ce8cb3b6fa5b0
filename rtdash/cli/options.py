"""Options of the commands: those that several commands share, and how each is made."""

from typing import Annotated, Any

import typer


def option(*names: str, **settings: Any) -> Any:
    """Return an option with its default in the help's own words: None stands for one that was not
    given, and says nothing to a reader.
    """
    return typer.Option(*names, show_default=False, **settings)


DatabaseOption = Annotated[
    str | None,
    option("--database", metavar="URL", help="Store URL. [default: SQLite in the data directory]"),
]
