"""Reports on sources and on customers."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from rtdash.domain.reports import (
    CustomerVisits,
    Frequency,
    Segment,
    customer_frequency,
    reservation_sources,
)


def test_sources_have_their_shares() -> None:
    """Most first, equal ones by name."""
    assert reservation_sources({"phone": 1, "web": 2, "agent": 1}) == [
        ("web", 2, 50.0),
        ("agent", 1, 25.0),
        ("phone", 1, 25.0),
    ]
    assert reservation_sources({}) == []


def test_customers_are_new_or_returning() -> None:
    """A customer is new whose first visit lies in the period; one without a visit in it doesn't
    count.
    """
    visits = [(0, 1), (0, 2), (1, 1), (2, 3), (5, 1), (9, 0)]
    assert customer_frequency(CustomerVisits(*one) for one in visits) == Frequency(
        new_customers=2,
        returning_customers=3,
        repeat_rate=60.0,
        segments=(
            Segment("1", 1, 20.0),
            Segment("2", 2, 40.0),
            Segment("3-5", 1, 20.0),
            Segment("6+", 1, 20.0),
        ),
    )


def test_nobody_came() -> None:
    """An empty period has its four segments, all 0."""
    nobody = customer_frequency([])
    assert (nobody.new_customers, nobody.repeat_rate) == (0, 0)
    assert [segment.visits for segment in nobody.segments] == ["1", "2", "3-5", "6+"]


@given(st.lists(st.builds(CustomerVisits, st.integers(0, 9), st.integers(0, 9))))
def test_every_customer_is_in_one_segment(customers: list[CustomerVisits]) -> None:
    """Segments, and new and returning, both add up to the customers that came."""
    told = customer_frequency(customers)
    came = Counter(customer.within > 0 for customer in customers)[True]
    assert (
        sum(segment.customers for segment in told.segments)
        == told.new_customers + told.returning_customers
        == came
    )
