"""Signals that end a server, or reload it."""

import contextlib
import os
import signal


def handles_hangup() -> bool:
    """Return whether SIGHUP is handled: under nohup it is ignored."""
    return signal.getsignal(signal.SIGHUP) != signal.SIG_IGN


def release_hangup() -> None:
    """Let SIGHUP arrive, which waits since the start of the process: it is handled from now on."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def announce_abort() -> None:
    """Report to stderr that the drain was cut short. Clients see a lost connection instead of a
    `disconnect`; what was acknowledged is on disk.
    """
    # sys.stderr may be busy where a signal handler runs
    with contextlib.suppress(OSError):
        os.write(2, b"rtdash: ended at once, without the rest of the drain\n")
