"""Which broker a URL names, and what is said about one that can't be used."""

import sys

import pytest

from rtdash.broker import open_broker
from rtdash.broker.base import BrokerUnusable
from rtdash.broker.memory import MemoryBroker


def test_memory_is_the_broker_of_one_process() -> None:
    """No driver is loaded for it."""
    assert isinstance(open_broker("memory://"), MemoryBroker)


def test_topics_split_the_notices_and_other_options_reach_the_driver() -> None:
    """`topics` is ours, the rest of the query is the driver's."""
    broker = open_broker("redis://localhost:1/0?topics=2&client_name=rtdash")
    assert broker._topics == ("rtdash.notices.0", "rtdash.notices.1")
    assert broker._client.connection_pool.connection_kwargs["client_name"] == "rtdash"


@pytest.mark.parametrize("url", ["nats://localhost", "localhost:6379", "", "redis://localhost?topics=0", "redis://localhost?topics=many"])
def test_a_url_that_names_no_broker_is_refused_with_a_hint(url: str) -> None:
    """The hint names what would do."""
    with pytest.raises(BrokerUnusable) as refused:
        open_broker(url)
    assert "redis://" in refused.value.hint or "from 1 to" in refused.value.hint


def test_a_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that installs it is in the hint."""
    monkeypatch.setitem(sys.modules, "rtdash.broker.kafka", None)
    with pytest.raises(BrokerUnusable) as refused:
        open_broker("kafka://localhost:9092")
    assert "rtdash[kafka]" in refused.value.hint
