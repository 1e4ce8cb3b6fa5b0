"""`rtdash completion`: the script that teaches a shell the commands, options and values."""

import os
from typing import Annotated

import typer

from rtdash.cli.suggestions import refuse_unknown

SHELLS = ("bash", "zsh", "fish")

COMPLETION_VARIABLE = "_RTDASH_COMPLETE"
"""Set by the script: what to complete, and for which shell."""


def completion(
    context: typer.Context,
    shell: Annotated[
        str,
        typer.Argument(metavar="SHELL", help="bash, zsh or fish.", autocompletion=lambda: SHELLS),
    ],
) -> None:
    """Print the completion script of a shell.

    It completes commands, options, channels, venues, scenarios and pages of the guide.

    Examples: rtdash completion bash > ~/.local/share/bash-completion/completions/rtdash · rtdash
    completion zsh > ~/.zfunc/_rtdash · rtdash completion fish >
    ~/.config/fish/completions/rtdash.fish
    """
    from typer.completion import show_callback

    refuse_unknown(shell, SHELLS, what="shell")
    show_callback(context, context.command.params[0], shell)


def register_shells() -> None:
    """Make the program answer the questions of a completion script, if that is why it was run."""
    if COMPLETION_VARIABLE in os.environ:
        from typer.completion import get_completion_inspect_parameters

        get_completion_inspect_parameters()
