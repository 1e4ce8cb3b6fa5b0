"""Notifications to the service manager (systemd's sd_notify(3)): ready, stopping, reloading, alive.
Without one they do nothing.
"""

import asyncio
import os
import socket
import time
from contextlib import suppress

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"


def notify(state: str) -> None:
    """Send a state to the socket that NOTIFY_SOCKET names. An error is ignored: the service manager
    then applies its own timeouts.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # Linux's abstract namespace
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(1)
        sender.sendto(state.encode(), address)


def notify_reloading() -> None:
    """Announce a reload; `READY` ends it. The time is what `Type=notify-reload` asks for."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1_000}")


def watchdog_interval_s() -> float | None:
    """Return the seconds between two signs of life, half of what the service manager allows
    (sd_watchdog_enabled(3)); None where it expects none of this process.
    """
    allowed = os.environ.get("WATCHDOG_USEC", "")
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(allowed) / 2_000_000 if allowed.isdecimal() and int(allowed) else None


async def keep_alive() -> None:
    """Send signs of life from the event loop until cancelled: a loop that hangs sends none."""
    interval_s = watchdog_interval_s()
    while interval_s is not None:
        notify(ALIVE)
        await asyncio.sleep(interval_s)
