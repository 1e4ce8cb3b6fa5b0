"""Metrics over the processes of `--workers N`: each answers for all, with every figure marked by
its worker.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 2.0
"""How long one that is starting, ending or busy is waited for; without it the answer says less, but
comes."""


@dataclass(frozen=True, slots=True)
class WorkerMetrics:
    """Place of one worker among them. `directory` is theirs alone; each of them listens there on a
    socket that its number names.
    """

    directory: Path
    number: int

    async def serve(self, exposition: Callable[[], Awaitable[bytes]]) -> None:
        """Give this worker's figures to each other one that connects, until cancelled."""

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await exposition())
            writer.close()

        async with await asyncio.start_unix_server(
            answer, self.directory / str(self.number)
        ) as server:
            await server.serve_forever()

    async def exposition(self) -> bytes:
        """Return the figures of all that answer, this one among them."""
        numbers = sorted(int(path.name) for path in self.directory.iterdir())
        texts = await asyncio.gather(*(self._ask(number) for number in numbers))
        return by_worker(
            {number: text for number, text in zip(numbers, texts, strict=True) if text is not None}
        )

    async def _ask(self, number: int) -> str | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await asyncio.open_unix_connection(self.directory / str(number))
                try:
                    return (await reader.read()).decode()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return None


def by_worker(expositions: Mapping[int, str]) -> bytes:
    """Several expositions in Prometheus' text format as one: each metric once, each of its samples
    with the label `worker`.
    """
    metrics: dict[str, list[str]] = {}
    for worker, text in expositions.items():
        lines: list[str] = []
        for line in text.splitlines():
            if line.startswith("# HELP "):
                lines = metrics.setdefault(line, [])
            elif not line.startswith("# "):
                lines.append(_labelled(line, worker))
            elif not lines:
                lines.append(line)
    return "".join(
        f"{line}\n" for help_line, lines in metrics.items() for line in (help_line, *lines)
    ).encode()


def _labelled(sample: str, worker: int) -> str:
    name, brace, rest = sample.partition("{")
    if brace:
        return f'{name}{{worker="{worker}",{rest}'
    name, _, value = sample.partition(" ")
    return f'{name}{{worker="{worker}"}} {value}'
