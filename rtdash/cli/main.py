"""The command line: registers the subcommands and turns their failures into exit codes."""

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from rtdash.cli.failures import CommandFailed, Exit, report

app = typer.Typer(
    name="rtdash",
    help="The real-time backend of hotel and restaurant dashboards, and the tools around it.",
    epilog=(
        "First steps: rtdash demo, or rtdash serve in one terminal and rtdash watch hotel_stats in"
        " another."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def _print_version(asked: bool) -> None:
    if asked:
        from rtdash import __version__

        typer.echo(f"rtdash {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    del version


def run(arguments: list[str]) -> int:
    """Run a command line (without the program's name) and return its exit code. When the reader of
    stdout has gone (`| head`), the command ends quietly.
    """
    _settle_encoding()
    _register()
    try:
        code = _outcome(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # what is still buffered must not fail again at the very end
        return Exit.FINE
    return code


def _settle_encoding() -> None:
    """Write UTF-8 to programs in every locale; a terminal without a character shows a question
    mark.
    """
    out = sys.stdout
    if isinstance(out, TextIOWrapper) and out.encoding.lower() != "utf-8":
        if out.isatty():
            out.reconfigure(errors="replace")
        else:
            out.reconfigure(encoding="utf-8")


def _outcome(arguments: list[str]) -> int:
    try:
        app(args=_with_default_rate(arguments), prog_name="rtdash")
    except CommandFailed as failure:
        report(failure)
        return failure.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):  # typer makes a fault of it
            raise end.__context__ from None
        return (
            end.code if isinstance(end.code, int) else Exit.FINE if end.code is None else Exit.FAULT
        )
    return Exit.FINE


def _register() -> None:
    """Add the subcommands; each module imports its part of the package inside its function."""
    if app.registered_commands:
        return
    from rtdash.cli import (
        config,
        demo,
        doctor,
        events,
        loadtest,
        open_page,
        serve,
        simulate,
        token,
        venues,
        watch,
    )

    for command in (
        serve.serve,
        demo.demo,
        simulate.simulate,
        watch.watch,
        loadtest.loadtest,
        events.events,
        config.config,
        doctor.doctor,
    ):
        app.command()(command)
    app.command(name="open")(open_page.open_page)
    app.add_typer(token.app, name="token")
    app.add_typer(venues.app, name="venues")


def _with_default_rate(arguments: list[str]) -> list[str]:
    """Give `serve --simulate` without a rate the default one, which the option parser can't
    express.
    """
    completed: list[str] = []
    for position, argument in enumerate(arguments):
        completed.append(argument)
        following = arguments[position + 1 : position + 2]
        if argument == "--simulate" and (not following or following[0].startswith("-")):
            completed.append("1/s")
    return completed
