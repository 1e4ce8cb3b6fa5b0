"""The `rtdash` command: one module a subcommand."""

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command and end the process with its exit code. Ctrl-C is quiet while the command is
    being loaded, too.
    """
    try:
        # The first process of a container gets no signal that it hasn't asked for.
        if os.getpid() == 1:
            signal.signal(signal.SIGTERM, _interrupt)
        from rtdash.cli.streams import settle_streams

        settle_streams()
        from rtdash.cli.main import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
