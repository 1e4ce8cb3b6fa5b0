"""Listening sockets of a server process: TCP, Unix, or opened by the service manager."""

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path

NOTSENT_LOWAT_BYTES = 32 * 1024
"""Bytes that the kernel takes beyond what it has sent. Without this bound 4 MiB hide in the kernel
before a slow reader shows (guide: architecture, "Drop the connection, never an event").
"""

UNIX_PREFIX = "unix:"
FIRST_PASSED_FD = 3
"""Number of the first socket that a service manager passes (sd_listen_fds(3))."""
ADMIN_SOCKET = "admin"
"""Name (FileDescriptorName=) of the socket for health and metrics."""

_TCP_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
_UNIX_MODE = 0o666
"""Mode of a Unix socket: its directory decides which users may connect."""


# a refusal by the machine, in words for the operator
class ListenFailed(Exception):  # noqa: N818
    """The address can't be listened on; the text says why."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        where = host if host.startswith(UNIX_PREFIX) else f"{host}:{port}"
        super().__init__(f"can't listen on {where}: {reason}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that several worker processes share: each binds a socket of its own to it."""

    host: str
    port: int


Listener = socket.socket | Endpoint
"""A socket, or the address that a worker binds one to."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Listeners of a server: the main one, and the one for health and metrics, if it has one."""

    main: Listener
    admin: Listener | None = None

    def open(self) -> "Listeners":
        """Return the sockets, bound to the shared addresses. Raises ListenFailed."""
        return Listeners(_open(self.main), None if self.admin is None else _open(self.admin))

    def for_workers(self) -> "Listeners":
        """Return what each worker opens: the address of a port that they share, or the one socket
        where they can't bind to it (a Unix socket, one that the service manager listens on).
        """
        return Listeners(
            _for_worker(self.main), None if self.admin is None else _for_worker(self.admin)
        )

    @property
    def sockets(self) -> list[socket.socket]:
        """Return the sockets, the main one first."""
        return [one for one in (self.main, self.admin) if isinstance(one, socket.socket)]

    def stop_listening(self) -> None:
        """Close the sockets."""
        for one in self.sockets:
            one.close()


def is_unix(listener: socket.socket) -> bool:
    """Return whether it is a Unix socket."""
    return listener.family == socket.AF_UNIX


def bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a bound socket that doesn't listen yet, so that no client connects before the server
    is ready. Raises ListenFailed.

    `host` may be `unix:/PATH`. A `shared` port takes further sockets of the same user, and the
    kernel spreads connections over those that listen (SO_REUSEPORT).
    """
    if host.startswith(UNIX_PREFIX):
        return _bind_unix(host)
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _bound_kernel_buffer(listener)
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
    if host.startswith(UNIX_PREFIX):
        return bind(host, port)
    # an exclusive bind fails where a shared one would join the port of another server
    with bind(host, port) as exclusive:
        port = exclusive.getsockname()[1]
    return bind(host, port, shared=True)


def passed_sockets() -> Listeners | None:
    """Return the sockets that the service manager has passed to this process (sd_listen_fds(3)):
    the one named `admin` for health and metrics, the first other one as main. None where there are
    none.
    """
    number = os.environ.get("LISTEN_FDS", "")
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not number.isdecimal():
        return None
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    main = admin = None
    for index in range(int(number)):
        passed = socket.socket(fileno=FIRST_PASSED_FD + index)
        _bound_kernel_buffer(passed)
        if names[index : index + 1] == [ADMIN_SOCKET]:
            admin = passed
        else:
            main = main or passed
    return None if main is None else Listeners(main, admin)


def _open(listener: Listener) -> Listener:
    if isinstance(listener, socket.socket):
        return listener
    return bind(listener.host, listener.port, shared=True)


def _for_worker(listener: Listener) -> Listener:
    if (
        isinstance(listener, Endpoint)
        or is_unix(listener)
        or listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    ):
        return listener
    return Endpoint(*listener.getsockname()[:2])


def _bind_unix(host: str) -> socket.socket:
    name = host.removeprefix(UNIX_PREFIX)
    path = Path(name)
    if not name or name.startswith("@"):
        # an abstract socket: no directory would decide which users may connect
        raise ListenFailed(host, 0, "name a file: unix:/run/rtdash/rtdash.sock")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            _remove_stale(path)
        listener.bind(str(path))
        path.chmod(_UNIX_MODE)
    except OSError as error:
        listener.close()
        raise ListenFailed(host, 0, error.strerror or str(error)) from None
    return listener


def _remove_stale(path: Path) -> None:
    """Remove a socket that a killed server has left. Raises OSError when a program listens there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(98, "another program listens there")


def _bound_kernel_buffer(listener: socket.socket) -> None:
    if not is_unix(listener):
        with contextlib.suppress(OSError):  # a kernel without it; accepted sockets inherit it
            listener.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, NOTSENT_LOWAT_BYTES)
