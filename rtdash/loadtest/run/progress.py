"""Progress at the terminal: a live line on a terminal, a line every few seconds in a pipe."""

from typing import TextIO

from rtdash.loadtest.verdict.observations import Observations
from rtdash.loadtest.verdict.samples import Sample

_PIPE_EVERY = 5
_CLEAR = "\r\x1b[K"


class Progress:
    """Progress of a run on `out`, for people."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lives = out.isatty()
        self._seen = 0

    def say(self, text: str) -> None:
        """Write a line that stays."""
        self._out.write(f"{_CLEAR if self._lives else ''}{text}\n")
        self._out.flush()

    def show(self, sample: Sample, observations: Observations) -> None:
        """Show the latest sample."""
        self._seen += 1
        line = _line(sample, observations)
        if self._lives:
            self._out.write(_CLEAR + line)
            self._out.flush()
        elif self._seen % _PIPE_EVERY == 1:
            self.say(line)

    def end(self) -> None:
        """Clear the live line."""
        if self._lives:
            self._out.write(_CLEAR)
            self._out.flush()


def _line(sample: Sample, observations: Observations) -> str:
    latency = "-" if sample.p99_ms is None else f"{sample.p50_ms:.1f}/{sample.p99_ms:.1f} ms"
    drops = observations.live.get("drops", 0)
    return (
        f"  {sample.phase} {sample.at_s:4.0f} s of {observations.phase.duration_s:g}"
        f" · {sample.published}/s published · {sample.received}/s verified · p50/p99 {latency}"
        f" · {sample.connected} connected · {drops} dropped"
    )
