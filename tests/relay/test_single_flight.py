"""One read a question, and the end of all of them."""

import asyncio

from rtdash.relay.single_flight import SingleFlight
from tests.relay.relay_fixture import settled


def test_closing_waits_for_the_reads_that_it_cancels(run) -> None:
    """Nothing of the relay uses the log behind its close."""

    async def body() -> None:
        flights, ended = SingleFlight(), []

        async def read() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                ended.append("read")

        flights.start("a", read)
        flights.start("b", read)
        await settled()
        await flights.cancel_all()
        assert ended == ["read", "read"]

    run(body())
