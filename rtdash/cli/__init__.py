"""The `rtdash` command: one module a subcommand."""

from rtdash.cli.main import main

__all__ = ["main"]
