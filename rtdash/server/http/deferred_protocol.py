"""uvicorn's HTTP protocol, built when it is needed: for nearly all that connect to a WebSocket it
is not, and with its parser it costs more than their token's check.
"""

import asyncio
from typing import Any

from uvicorn.protocols.utils import is_ssl

from rtdash.server.http.ordered_protocol import OrderedHttpProtocol
from rtdash.server.http.plain_handshake import parse_handshake


class DeferredHttpProtocol(OrderedHttpProtocol):
    """HTTP protocol that hands a common handshake over as it comes, and is built for any other
    first bytes. Until then it has what a handover needs, and no more.
    """

    timeout_keep_alive_task: asyncio.TimerHandle | None = None

    def __init__(  # the rest of it comes by `build`
        self,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.config = config
        self.server_state = server_state
        self.app_state = app_state
        self.loop = _loop or asyncio.get_running_loop()
        self.ws_protocol_class = config.ws_protocol_class
        self.connections = server_state.connections
        self.held = b""
        self.is_done = False
        self._is_built = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        self.transport = transport
        self.connections.add(self)
        # uvloop has it at hand, its socket would ask the kernel three times
        address = transport.get_extra_info("peername")
        self.client = (str(address[0]), int(address[1])) if isinstance(address, tuple) else None
        self.scheme = "https" if is_ssl(transport) else "http"

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._is_built:
            super().connection_lost(exc)
        else:
            self.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Hand a handshake over, or parse what has come."""
        if not self._is_built:
            if self.is_done or self.transport.is_closing():
                return
            head = parse_handshake(data)
            if head is not None:
                self.url, self.headers = head
                self.take_handshake()
                return
            self.build()
        super().data_received(data)

    def take_handshake(self) -> None:
        """Hand the socket over: `url` and `headers` are those of a handshake."""
        raise NotImplementedError

    def build(self) -> None:
        """Build what parses and answers."""
        transport = self.transport
        super().__init__(self.config, self.server_state, self.app_state, self.loop)
        super().connection_made(transport)
        self._is_built = True

    def shutdown(self) -> None:
        """End with the server."""
        if self._is_built:
            super().shutdown()
        else:
            self.transport.close()
