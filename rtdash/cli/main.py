"""The command line: registers the subcommands and turns their failures into exit codes."""

import errno
import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

from rtdash.cli import shell_completion
from rtdash.cli.command_help import polish
from rtdash.cli.failures import CommandFailed, Exit, report
from rtdash.cli.streams import discard_stdout

app = typer.Typer(
    name="rtdash",
    help=(
        "The real-time backend of hotel and restaurant dashboards, and the tools around it."
        "\n\nExamples: rtdash demo · rtdash serve · rtdash watch · rtdash help quickstart"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_OUTPUT_ERRORS = {errno.EBADF, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC}


def show_version() -> None:
    """Print the version.

    Example: rtdash version
    """
    from rtdash import __version__

    typer.echo(f"rtdash {__version__}")


def _print_version(asked: bool) -> None:
    if asked:
        show_version()
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            "-V",
            callback=_print_version,
            is_eager=True,
            help="Print the version and end.",
        ),
    ] = False,
) -> None:
    del version


def run(arguments: list[str]) -> int:
    """Run a command line (without the program's name) and return its exit code.

    When the reader of stdout has gone (`| head`), the command ends quietly; every other error of
    the output is one line.
    """
    try:
        code = _outcome(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()
        return Exit.FINE
    except OSError as error:
        discard_stdout()
        report(_refused_by_system(error))
        return Exit.FAULT
    return code


def _refused_by_system(error: OSError) -> CommandFailed:
    """Return the failure in words. An error of the output names no file; any other one is of a
    file, or of a working directory that has been removed.
    """
    reason = error.strerror or str(error)
    if error.filename is None and error.errno in _OUTPUT_ERRORS:
        return CommandFailed(f"the output can't be written: {reason}")
    if error.filename is None and error.errno == errno.ENOENT:
        return CommandFailed(f"the working directory: {reason}", hint="change to one that exists")
    return CommandFailed(f"{error.filename or 'the system'}: {reason}")


def build_command(only: str | None = None) -> Any:
    """Return the command with all subcommands, or with `only` the one of that name if there is one;
    and one style of help.
    """
    _register(only)
    shell_completion.register_shells()
    return polish(get_command(app))


def _outcome(arguments: list[str]) -> int:
    """Return the exit code. Raises OSError for an error of stdout."""
    try:
        build_command(_only(arguments))(args=_with_default_rate(arguments), prog_name="rtdash")
    except CommandFailed as failure:
        sys.stdout.flush()
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


def _only(arguments: list[str]) -> str | None:
    """Return the name of the command that is called; None where the others may be asked about."""
    if shell_completion.COMPLETION_VARIABLE in os.environ or not arguments:
        return None
    return arguments[0] if arguments[0] != "help" else None


def _register(only: str | None = None) -> None:
    """Add the subcommands, or `only` the one that is called, if it is one: to import and build the
    others takes a tenth of a start. Each module imports its part of the package inside its
    function.
    """
    wanted = {only: _COMMANDS[only]} if only in _COMMANDS else _COMMANDS
    if len(app.registered_commands) + len(app.registered_groups) == len(wanted) > 1:
        return
    app.registered_commands.clear()
    app.registered_groups.clear()
    for name, place in wanted.items():
        module, _, attribute = place.partition(":")
        command = getattr(import_module(f"rtdash.cli.{module}"), attribute)
        if attribute == "app":
            app.add_typer(command, name=name)
        else:
            app.command(name=name)(command)


_COMMANDS = {
    "serve": "serve:serve",
    "demo": "demo:demo",
    "simulate": "simulate:simulate",
    "watch": "watch:watch",
    "loadtest": "loadtest:loadtest",
    "events": "events:events",
    "config": "config:config",
    "doctor": "doctor:doctor",
    "backup": "backup:backup",
    "migrate": "migrate:migrate",
    "completion": "shell_completion:completion",
    "deploy": "deploy:deploy",
    "import": "import_file:import_file",
    "open": "open_page:open_page",
    "help": "guide:show_help",
    "version": "main:show_version",
    "token": "token:app",
    "venues": "venues:app",
    "guests": "guests:app",
    "hooks": "hooks:app",
}
"""Module and function of each command, in the order of the help."""


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
