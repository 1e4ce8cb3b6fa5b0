"""Other servers that do this job, each with its configuration, its subscription and its way to
publish. Those that are installed are measured.
"""

import http.client
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from processes import HERE, Subscription

NCHAN = (
    "/usr/lib/nginx/modules/ngx_nchan_module.so",
    "/usr/share/nginx/modules/ngx_nchan_module.so",
    "/etc/nginx/modules/ngx_nchan_module.so",
)

_NGINX = """load_module {module};
{user}daemon off; worker_processes 1; worker_rlimit_nofile 20000;
pid {directory}/pid; error_log {directory}/error.log crit;
events {{ worker_connections 15000; }}
http {{
  access_log off; client_body_temp_path {directory}; keepalive_requests 100000000;
  server {{
    listen 127.0.0.1:{port};
    location /publish {{
      nchan_publisher; nchan_channel_id bookings; nchan_message_buffer_length 1000;
    }}
    location /ws {{
      nchan_subscriber websocket; nchan_channel_id bookings; nchan_subscriber_first_message newest;
    }}
  }}
}}
"""
_NATS = """listen: "127.0.0.1:{second}"
ping_interval: "1h"
websocket {{ listen: "127.0.0.1:{port}", no_tls: true }}
"""
_MOSQUITTO = """listener {port} 127.0.0.1
protocol websockets
listener {second} 127.0.0.1
allow_anonymous true
max_queued_messages 0
"""
_SUBJECT = b"bookings"


class Publisher(Protocol):
    """One connection that publishes."""

    def publish(self, bodies: list[bytes]) -> None:
        """Send them to all subscribers, in order."""


class HttpPublisher:
    """A POST for each."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def publish(self, bodies: list[bytes]) -> None:
        """One after the other."""
        for body in bodies:
            self._connection.request("POST", "/publish", body)
            answer = self._connection.getresponse()
            answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"the message was refused: {answer.status}")


class NatsPublisher:
    """The NATS protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(b'CONNECT {"verbose":false,"pedantic":false}\r\n')

    def publish(self, bodies: list[bytes]) -> None:
        """In one go."""
        self._socket.sendall(
            b"".join(b"PUB %b %d\r\n%b\r\n" % (_SUBJECT, len(body), body) for body in bodies)
        )


class MqttPublisher:
    """MQTT 3.1.1, quality of service 0."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.sendall(_mqtt_connect())
        self._socket.recv(4)

    def publish(self, bodies: list[bytes]) -> None:
        """In one go."""
        self._socket.sendall(b"".join(_mqtt_publish(body) for body in bodies))


@dataclass(frozen=True, slots=True)
class Rival:
    """`command` writes what the server needs into a directory and gives its command line; it
    listens on `port`, and for the publisher
    on `second` where that is another protocol. `subscription` is for messages of so many bytes.
    """

    name: str
    needs: str
    is_here: Callable[[], bool]
    command: Callable[[Path, int, int], list[str]]
    subscription: Callable[[int], Subscription]
    publisher: Callable[[int, int], Publisher]


def _is_here(*programs: str) -> Callable[[], bool]:
    return lambda: all(shutil.which(program) for program in programs)


def _has_ws() -> bool:
    node = shutil.which("node")
    # as found
    return (
        node is not None
        and subprocess.run(  # noqa: S603
            [node, "-e", "require('ws')"], capture_output=True, cwd=HERE, check=False
        ).returncode
        == 0
    )


def _nchan() -> str | None:
    return next((module for module in NCHAN if Path(module).exists()), None)


def _nginx_command(directory: Path, port: int, _second: int) -> list[str]:
    user = "user root; " if os.geteuid() == 0 else ""
    config = _write(
        directory, _NGINX.format(module=_nchan(), user=user, directory=directory, port=port)
    )
    return ["nginx", "-p", str(directory), "-e", str(directory / "error.log"), "-c", config]


def _write(directory: Path, text: str) -> str:
    directory.mkdir(exist_ok=True)
    path = directory / "config"
    path.write_text(text)
    return str(path)


def _mqtt_connect() -> bytes:
    """CONNECT with a clean session; the server gives the client its id."""
    return b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"


def _mqtt_subscribe() -> bytes:
    topic = len(_SUBJECT).to_bytes(2) + _SUBJECT
    return b"\x82" + bytes([len(topic) + 3]) + b"\x00\x01" + topic + b"\x00"


def _mqtt_publish(body: bytes) -> bytes:
    rest = len(_SUBJECT).to_bytes(2) + _SUBJECT + body
    length, left = bytearray(), len(rest)
    while left > 127:
        length.append(left % 128 | 128)
        left //= 128
    return b"\x30" + bytes(length) + bytes([left]) + rest


def _nats_subscription(size: int) -> Subscription:
    hello = b'CONNECT {"verbose":false,"pedantic":false}\r\nSUB %b 1\r\nPING\r\n' % _SUBJECT
    on_wire = len(b"MSG %b 1 %d\r\n\r\n" % (_SUBJECT, size)) + size
    return Subscription(
        "/", hello.hex(), ("hex", "answers=2", f"message={on_wire}")
    )  # the answers: INFO and PONG


def _mqtt_subscription(size: int) -> Subscription:
    hello = _mqtt_connect() + _mqtt_subscribe()
    on_wire = len(_mqtt_publish(bytes(size)))
    return Subscription(
        "/mqtt",
        hello.hex(),
        ("hex", "answers=2", f"message={on_wire}", "header=Sec-WebSocket-Protocol: mqtt"),
    )


RIVALS = (
    Rival(
        "node_ws",
        "node and its module ws (npm install --prefix DIR ws; NODE_PATH=DIR/node_modules)",
        _has_ws,
        lambda _directory, port, _second: ["node", str(HERE / "node_ws.js"), str(port)],
        lambda _size: Subscription("/ws", "subscribe"),
        lambda port, _second: HttpPublisher(port),
    ),
    Rival(
        "mosquitto",
        "mosquitto",
        _is_here("mosquitto"),
        lambda directory, port, second: [
            "mosquitto",
            "-c",
            _write(directory, _MOSQUITTO.format(port=port, second=second)),
        ],
        _mqtt_subscription,
        lambda _port, second: MqttPublisher(second),
    ),
    Rival(
        "nats",
        "nats-server",
        _is_here("nats-server"),
        lambda directory, port, second: [
            "nats-server",
            "-c",
            _write(directory, _NATS.format(port=port, second=second)),
        ],
        _nats_subscription,
        lambda _port, second: NatsPublisher(second),
    ),
    Rival(
        "nchan",
        "nginx and its module nchan (libnginx-mod-nchan)",
        lambda: _is_here("nginx")() and _nchan() is not None,
        _nginx_command,
        lambda _size: Subscription("/ws", "", ("answers=0",)),
        lambda port, _second: HttpPublisher(port),
    ),
)


def missing() -> dict[str, str]:
    """Rivals that are not installed, and what each needs."""
    return {rival.name: rival.needs for rival in RIVALS if not rival.is_here()}
