"""The `rtdash` command: one module a subcommand."""

import sys

COLLECTOR_THRESHOLD = 20_000
"""Objects between two runs of the cyclic garbage collector. What a command imports stays, and with
Python's default of 700 the collector visits it so often that it takes a fortieth of a start."""


def main() -> None:
    """Run the command and end the process with its exit code. Ctrl-C is quiet while the command is
    being loaded, too.
    """
    try:
        import gc

        from rtdash.cli.streams import settle_signals, settle_streams

        gc.set_threshold(COLLECTOR_THRESHOLD)
        settle_signals(is_server=sys.argv[1:2] == ["serve"])
        settle_streams()
        from rtdash.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    # CPython ends `python -m` by SIGINT where an interrupt, although caught, came while a text was
    # executed, as dataclasses do when they are imported. Another text makes it forget that.
    exec("")  # noqa: S102
    sys.exit(code)
