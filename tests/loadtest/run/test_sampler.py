"""What a sample says of a server that publishes its CPU every other second."""

import pytest

from rtdash.loadtest.run.sampler import Sampler
from rtdash.loadtest.run.server_metrics import ServerMetrics
from rtdash.loadtest.verdict.samples import Sample


class Clock:
    """A meter's clock, by hand."""

    now = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


def test_the_published_cpu_is_rated_between_scrapes(monkeypatch: pytest.MonkeyPatch):
    """A second without a scrape repeats the last rate: else it would be none, and then twice."""
    clock = Clock()
    monkeypatch.setattr("rtdash.loadtest.verdict.samples.time", clock)
    sampler = Sampler(*[None] * 4, lambda: None)  # type: ignore[arg-type]
    rates = []
    for second in range(6):
        clock.now = float(second)
        if second % 2 == 0:
            sampler._metrics = ServerMetrics(cpu_s=0.5 * second)
        sample = Sample("calm", second)
        sampler._add_server(sample)
        rates.append(sample.server_cpu)
    assert rates == [None, None, 0.5, 0.5, 0.5, 0.5]
