"""The `rtdash` command: one module a subcommand."""

import sys


def main() -> None:
    """Run the command and end the process with its exit code. Ctrl-C is quiet while the command is
    being loaded, too.
    """
    try:
        from rtdash.cli.streams import settle_signals, settle_streams

        settle_signals()
        settle_streams()
        from rtdash.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    # CPython ends `python -m` by SIGINT where an interrupt, although caught, came while a text was
    # executed, as dataclasses do when they are imported. Another text makes it forget that.
    exec("")  # noqa: S102
    sys.exit(code)
