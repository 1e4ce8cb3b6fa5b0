"""A fault proxy with an event loop and a thread of its own: the loop of a test that has many clients
is late, and would delay what the servers say to each other.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from threading import Thread
from typing import Any

from rtdash.loadtest.generator.fault_proxy import Fault, FaultProxy


class ProxyThread:
    """The proxy as a test uses it. `port` is where it listens."""

    def __init__(self, proxy: FaultProxy, loop: asyncio.AbstractEventLoop) -> None:
        self._proxy = proxy
        self._loop = loop

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._proxy.port

    async def cut_off(self) -> None:
        """Reset all connections, and refuse new ones."""
        await self.run(self._cut_off())

    async def admit(self) -> None:
        """Accept connections again."""
        await self.run(self._proxy.admit())

    async def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something on the proxy's loop."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _cut_off(self) -> None:
        await self._proxy.refuse()
        self._proxy.inject(Fault.RST, self._proxy.connections)


@asynccontextmanager
async def proxy_thread(target_port: int, port: int = 0) -> AsyncIterator[ProxyThread]:
    """One in front of a port of this machine, on a port of its own where none is given."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="fault proxy")
    thread.start()
    proxy = FaultProxy("127.0.0.1", target_port)
    proxy.port = port
    running = ProxyThread(proxy, loop)
    try:
        await running.run(proxy.__aenter__())
        try:
            yield running
        finally:
            await running.run(proxy.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join)
        loop.close()
