"""Progress at the terminal: one line that lives on a terminal, one line every few seconds in a
pipe.
"""

from typing import TextIO

from rtdash.loadtest.evidence import Evidence
from rtdash.loadtest.samples import Sample

_PIPE_EVERY = 5
_CLEAR = "\r\x1b[K"


class Progress:
    """Writes to `out`, for people."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._lives = out.isatty()
        self._seen = 0

    def say(self, text: str) -> None:
        """Something that stays."""
        self._out.write(f"{_CLEAR if self._lives else ''}{text}\n")
        self._out.flush()

    def show(self, sample: Sample, evidence: Evidence) -> None:
        """Where the run stands."""
        self._seen += 1
        line = _line(sample, evidence)
        if self._lives:
            self._out.write(_CLEAR + line)
            self._out.flush()
        elif self._seen % _PIPE_EVERY == 1:
            self.say(line)

    def end(self) -> None:
        """Make room for what follows."""
        if self._lives:
            self._out.write(_CLEAR)
            self._out.flush()


def _line(sample: Sample, evidence: Evidence) -> str:
    latency = "-" if sample.p99_ms is None else f"{sample.p50_ms:.1f}/{sample.p99_ms:.1f} ms"
    drops = evidence.live.get("drops", 0)
    return (
        f"  {sample.phase} {sample.at_s:4.0f} s of {evidence.phase.duration_s:g}"
        f" · {sample.published}/s published · {sample.received}/s verified · p50/p99 {latency}"
        f" · {sample.connected} connected · {drops} dropped"
    )
