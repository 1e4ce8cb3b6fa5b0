"""Failure of a command: an exit code, what happened, why, and what to type next."""

import sys
from enum import IntEnum

from rtdash.domain.printable import printable


class Exit(IntEnum):
    """Exit codes of every command (guide: commands, "Output and exit codes")."""

    FINE = 0
    FAULT = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_ALLOWED = 4
    RUN_INVALID = 98
    SLO_BROKEN = 99
    INTERRUPTED = 130


# it is how a command ends, raised for the person at the terminal
class CommandFailed(Exception):  # noqa: N818
    """End of a command: `what` went wrong, `hint` says how to mend it, ideally the next command to
    type.
    """

    def __init__(self, what: str, *, hint: str | None = None, code: Exit = Exit.FAULT) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.code = code


def report(failure: CommandFailed) -> None:
    """Write the failure to stderr, without a password in a URL of a driver's text, and without what
    could steer the terminal: words of a server are foreign text.
    """
    from rtdash.server.logs import redact

    lines = [f"rtdash: {redact(failure.what)}", *([f"  {failure.hint}"] if failure.hint else [])]
    for line in "\n".join(lines).split("\n"):
        sys.stderr.write(f"{printable(line)}\n")
