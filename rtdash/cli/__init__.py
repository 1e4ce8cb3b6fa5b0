"""The `rtdash` command: one module a subcommand."""

import os
import sys


def main() -> None:
    """Run the command and end the process with its exit code. Ctrl-C is quiet while the command is
    being loaded, too.
    """
    try:
        # The first process of a container gets no signal that it hasn't asked for.
        if os.getpid() == 1:
            import signal

            signal.signal(signal.SIGTERM, signal.default_int_handler)
        from rtdash.cli.streams import settle_streams

        settle_streams()
        from rtdash.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
