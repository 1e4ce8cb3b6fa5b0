"""One style for the help of all commands: readable metavars, examples on lines of their own."""

import re
from functools import partial
from typing import Any

_EXAMPLES = re.compile(r"\n\s*\n\s*Examples?:\s*(.+?)\s*\Z", re.DOTALL)
SEPARATOR = " · "
"""Stands between the examples of a docstring."""


def polish(command: Any) -> Any:
    """Polish a command and its subcommands; return it.

    The last paragraph of a docstring may be `Examples: rtdash … · rtdash …`. A metavar that isn't
    given is the parameter's name. Where an argument is missing, the error says what it is and
    shows the examples.
    """
    examples: list[str] = []
    if found := _EXAMPLES.search(command.help or ""):
        command.help = command.help[: found.start()]
        examples = " ".join(found[1].split()).split(SEPARATOR)
        # \b: the formatter leaves the lines of this paragraph as they are.
        command.epilog = "\n".join(["\b", "Examples:", *(f"  {one}" for one in examples)])
    for parameter in command.params:
        if parameter.metavar is None:
            parameter.metavar = _metavar(parameter)
        if parameter.param_type_name == "argument":
            # typer would write the Python type, such as <list[str]>, beside the name.
            parameter.display_type_rich = _no_type
            parameter.get_missing_message = partial(_describe_missing, parameter.help, examples)
    for subcommand in getattr(command, "commands", {}).values():
        polish(subcommand)
    return command


def _metavar(parameter: Any) -> str | None:
    """Return the parameter's name in capitals; None for a flag, which has no value."""
    if getattr(parameter, "is_flag", False) or getattr(parameter, "count", False):
        return None
    longest = max(parameter.opts, key=len)
    return str(longest).lstrip("-").replace("-", "_").upper()


def _describe_missing(help_text: str | None, examples: list[str], ctx: Any) -> str:
    """Return what follows `Missing argument 'NAME'.`"""
    del ctx
    shown = ["For example:", *(f"  {one}" for one in examples)] if examples else []
    return "\n".join([*([help_text] if help_text else []), *shown])


def _no_type(*_: Any, **__: Any) -> str:
    return ""
