"""Several workers' figures as one exposition. Over real workers: tests/cli/test_workers.py."""

from prometheus_client.parser import text_string_to_metric_families

from rtdash.server.metrics.registry import Metrics
from rtdash.server.metrics.worker_metrics import by_worker


def test_each_metric_is_told_once_with_every_worker_in_it() -> None:
    """As the format asks for: the samples of a metric stand together, each with its worker, and
    nothing is lost or added.
    """
    workers = {0: Metrics(), 3: Metrics()}
    workers[0].count_request("GET", '/a{b} "c"', 200, 0.001)
    for number, metrics in workers.items():
        metrics.connections.set(number + 1)
        metrics.evictions.labels("4001").inc()
    alone = {number: metrics.exposition().decode() for number, metrics in workers.items()}
    together = by_worker(alone).decode()
    names = [family.name for family in text_string_to_metric_families(together)]
    assert len(names) == len(set(names))
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in _families(together)
        for sample in family.samples
    }
    expected = {
        (sample.name, *sorted({**sample.labels, "worker": str(number)}.items())): sample.value
        for number, text in alone.items()
        for family in _families(text)
        for sample in family.samples
    }
    assert found == expected
    assert {family.name: family.type for family in _families(together)} == {
        family.name: family.type for text in alone.values() for family in _families(text)
    }


def _families(text: str):
    return [
        family
        for family in text_string_to_metric_families(text)
        if not family.name.startswith("process_")
    ]
