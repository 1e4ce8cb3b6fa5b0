"""The first attempts of a process, in a process of its own, as tests have imported everything
already. Prints the CPU of the loop's longest step.
"""

import asyncio
import sys
from pathlib import Path

from tests.server.sockets import serving
from tests.server.turns import Turns, tuned
from tests.webhooks.test_trouble import add_all, receivers_in_trouble
from tests.webhooks.test_webhook_senders import until


async def main(data: Path) -> None:
    """Add webhooks, book a table, and wait until attempts have failed."""
    with (
        receivers_in_trouble() as urls,
        serving(data, "fast", settings={"hooks_allow": "127.0.0.1"}) as server,
        tuned(),
    ):
        ours = server.services.webhooks

        async def add_here() -> None:
            await add_all(server.services.database, urls)
            ours.refresh()

        await server.book()
        turns = Turns()
        watching = asyncio.run_coroutine_threadsafe(turns.watch(), server.loop)
        await server.call(add_here)
        await until(lambda: len(ours._running) == len(urls))
        await server.book()
        await until(lambda: ours._counts["failed"] >= len(urls))
        watching.cancel()
    sys.stdout.write(f"{turns.longest_s}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
