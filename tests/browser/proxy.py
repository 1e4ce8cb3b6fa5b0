"""A proxy between browser and server that can refuse upgrades, or let nothing through."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Listens at `url`. One request a connection, but for the sockets."""

    def __init__(self, target: str) -> None:
        self.refuses_upgrades = True
        self._target = urlsplit(target)
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        # a thread of its own: Playwright runs a loop in the test's
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result(30)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """End it and every connection through it."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    def close_connections(self) -> None:
        """End every connection, and take no other."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(30)

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "the server runs this as a task"
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            is_upgrade = b"upgrade: websocket" in head.lower()
            if is_upgrade and self.refuses_upgrades:
                writer.write(_REFUSAL)
                await writer.drain()
            else:
                await self._forward(head, reader, writer, is_upgrade=is_upgrade)
        writer.close()

    async def _forward(
        self,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_upgrade: bool,
    ) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        if not is_upgrade:
            lines = [
                one for one in head.split(b"\r\n") if not one.lower().startswith(b"connection")
            ]
            head = b"\r\n".join([*lines[:-2], b"Connection: close", b"", b""])
        back.write(head)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, back))
                group.create_task(_copy(there, writer))
        finally:
            back.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    target.close()


@contextlib.contextmanager
def proxied(target: str) -> Iterator[Proxy]:
    """A proxy to the server at that address."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
