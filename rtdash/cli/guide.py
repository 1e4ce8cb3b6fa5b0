"""`rtdash help`: the guide in the terminal, and the help of the commands."""

import os
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from rtdash.cli.completion import complete_topic
from rtdash.cli.suggestions import refuse_unknown
from rtdash.resources import GuidePage, guide_pages

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 100


def show_help(
    context: typer.Context,
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC",
            autocompletion=complete_topic,
            help="A page of the guide, or a command. [default: the list of pages]",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show a page of the guide, or the help of a command.

    Examples: rtdash help · rtdash help quickstart · rtdash help watch
    """
    pages = guide_pages()
    if topic is None:
        _list(pages)
        return
    if topic in pages:
        _show(pages[topic])
        return
    root = context.find_root()
    commands = getattr(root.command, "commands", {})
    refuse_unknown(topic, [*pages, *(name for name in commands if name not in pages)], what="page")
    command = commands[topic]
    typer.echo(command.get_help(typer.Context(command, info_name=topic, parent=root)))


def _list(pages: dict[str, GuidePage]) -> None:
    width = max(len(name) for name in pages)
    columns = min(_WIDTH, shutil.get_terminal_size().columns)
    for name, page in pages.items():
        head = f"{name:<{width}}  "
        typer.echo(
            textwrap.fill(
                page.summary, columns, initial_indent=head, subsequent_indent=" " * len(head)
            )
        )
    typer.echo(
        "\n  next: rtdash help quickstart   ·   help of a command: rtdash COMMAND -h", err=True
    )


def _show(page: GuidePage) -> None:
    """Render the page: through a pager on a terminal that is too small for it."""
    from rich.console import Console
    from rich.markdown import Markdown

    is_terminal = sys.stdout.isatty()
    console = Console(width=None if is_terminal else _WIDTH)
    if console.width > _WIDTH:
        console = Console(width=_WIDTH)
    content = Markdown(page.text, hyperlinks=False, code_theme="ansi_dark")
    if is_terminal and page.text.count("\n") >= console.height - 2:
        _page_through(console, content)
    else:
        console.print(content)


def _page_through(console: "Console", content: object) -> None:
    # less shows colours only when it is asked to; -F and -X leave a short page on the screen.
    os.environ.setdefault("LESS", "-FRX")
    with console.pager(styles=True):
        console.print(content)
