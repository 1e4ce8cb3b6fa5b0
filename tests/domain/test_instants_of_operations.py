"""Instants and digests of operations: operations of the past come in order, and equal content is
recognised.
"""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdash.domain.availability import Rooms
from rtdash.domain.operations import content_digest, decide, derive_reservation_id
from rtdash.domain.refusals import InstantGoesBack, InstantInFuture
from rtdash.domain.reservations import Op, Operation, Status
from rtdash.domain.venues import Venue
from tests.domain.test_operations import Make


def test_a_live_operation_never_goes_back(
    hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """An operation that arrives by a clock behind the last change is dated to the last change."""
    current = apply(hotel, Op.BOOK)
    behind = now - timedelta(seconds=5)
    after = decide(
        operation(Op.CHECK_IN, hotel), current, venue=hotel, now=behind, rooms=Rooms()
    ).reservation
    assert after.changed_at == now


def test_the_past_is_told_in_order(
    hotel: Venue, apply: Make, operation: Make, now: datetime
) -> None:
    """`at` may equal the last change, not lie before it."""
    yesterday = now - timedelta(days=1)
    current = apply(hotel, (Op.BOOK, {"at": yesterday}))
    assert (current.created_at, current.changed_at) == (yesterday, yesterday)
    assert (
        decide(
            operation(Op.CANCEL, hotel, at=yesterday), current, venue=hotel, now=now, rooms=Rooms()
        ).reservation.changed_at
        == yesterday
    )
    earlier = operation(Op.CANCEL, hotel, at=yesterday - timedelta(milliseconds=1))
    with pytest.raises(InstantGoesBack) as refused:
        decide(earlier, current, venue=hotel, now=now, rooms=Rooms())
    assert refused.value.code == "instant_goes_back"


def test_the_future_is_not_told(hotel: Venue, apply: Make, now: datetime) -> None:
    """`at` may be now, not later."""
    assert apply(hotel, (Op.BOOK, {"at": now})).created_at == now
    with pytest.raises(InstantInFuture) as refused:
        apply(hotel, (Op.BOOK, {"at": now + timedelta(milliseconds=1)}))
    assert refused.value.code == "instant_in_future"


def test_equal_content_has_an_equal_digest(hotel: Venue, operation: Make) -> None:
    """The digest forgets the operation's id and the spelling of an instant's offset, and nothing
    else.
    """
    first: Operation = operation(Op.BOOK, hotel, at=datetime(2026, 7, 1, 12, tzinfo=UTC))
    assert content_digest(first) == content_digest(replace(first, operation_id="other"))
    lisbon = hotel.zone
    assert content_digest(first) == content_digest(
        replace(first, at=datetime(2026, 7, 1, 13, tzinfo=lisbon))
    )
    changed = [
        replace(first, guests=3),
        replace(first, at=None),
        replace(first, op=Op.AMEND),
        replace(first, paid_minor=0),
    ]
    assert len({content_digest(other) for other in [first, *changed]}) == 5


def test_a_digest_stays_what_it_was(hotel: Venue) -> None:
    """Stored digests are compared with those of later versions, so this one never changes."""
    told = Operation(
        "op",
        Op.CHARGE,
        "inn",
        "r",
        datetime(2026, 7, 1, 12, tzinfo=UTC),
        category="Bar",
        amount_minor=850,
    )
    assert (
        content_digest(told) == "65efab25a5c014b2354a3673ed8742a9fc627972fac299eaa7f557c49b5063a2"
    )


OFFSETS = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(timezone)
OPERATIONS = st.builds(
    Operation,
    operation_id=st.text(),
    op=st.sampled_from(Op),
    venue_id=st.text(),
    reservation_id=st.none() | st.text(),
    at=st.none() | st.datetimes(timezones=OFFSETS, min_value=datetime(1970, 1, 3)),  # noqa: DTZ001
    customer_name=st.none() | st.text(),
    guests=st.none() | st.integers(),
    amount_minor=st.none() | st.integers(),
    status=st.none() | st.sampled_from(Status),
    check_in=st.none() | st.dates(),
    if_versions=st.none() | st.frozensets(st.integers(), max_size=2),
)


@given(OPERATIONS)
def test_a_digest_is_that_of_the_standard_encoder(told: Operation) -> None:
    """Of the JSON object of all that is given, keys sorted, instants in UTC."""
    content = {}
    for name in Operation.__dataclass_fields__:
        value = getattr(told, name)
        if name in {"operation_id", "venue_id", "if_versions"} or value is None:
            continue
        if isinstance(value, datetime):
            value = value.astimezone(UTC)
        content[name] = value.isoformat() if isinstance(value, date) else value
    text = json.dumps(content, sort_keys=True)
    assert content_digest(told) == hashlib.sha256(text.encode()).hexdigest()
    named = json.dumps([told.venue_id, told.operation_id]).encode()
    expected = "res-" + hashlib.sha256(named).hexdigest()[:20]
    assert derive_reservation_id(told.venue_id, told.operation_id) == expected
