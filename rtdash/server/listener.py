"""Listening sockets of a server process."""

import contextlib
import socket

NOTSENT_LOWAT_BYTES = 32 * 1024
"""Bytes that the kernel takes beyond what it has sent. Without this bound 4 MiB hide in the kernel
before a slow reader shows (guide: architecture, "Drop the connection, never an event").
"""

_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)


# a refusal by the machine, in words for the operator
class ListenFailed(Exception):  # noqa: N818
    """The address can't be listened on; the text says why."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"can't listen on {host}:{port}: {reason}")


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a bound socket that doesn't listen yet, so that no client connects before the server
    is ready. Raises ListenFailed.

    A `shared` port takes further sockets of the same user, and the kernel spreads connections over
    those that listen (SO_REUSEPORT).
    """
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with contextlib.suppress(OSError):  # a kernel without it; accepted sockets inherit it
            listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES)
        listener.bind(address)
    except OSError as error:
        if listener is not None:
            listener.close()
        raise ListenFailed(host, port, error.strerror or str(error)) from None
    listener.set_inheritable(True)
    return listener


def reserve(host: str, port: int) -> socket.socket:
    """Return a bound socket that keeps the port for several workers. Raises ListenFailed when
    another program has it.
    """
    # an exclusive bind fails where a shared one would join the port of another server
    with bind(host, port) as exclusive:
        port = exclusive.getsockname()[1]
    return bind(host, port, shared=True)
