"""Leads of tables keep to the published figures of parties, hours and weekdays."""

from collections import Counter
from random import Random
from statistics import median

import pytest

from rtdash.simulate.calibration import restaurant_calibration
from rtdash.simulate.distributions import Discrete
from rtdash.simulate.table_leads import (
    PartyLeads,
    booking_weekdays,
    bounds_of,
    draw_lead_days,
    later_booking_hours,
    party_leads,
)

PARTIES = Discrete({"2": 0.6, "4": 0.3, "9-12": 0.1})
MEDIANS = {"2": 0.4, "4": 0.55, "9-12": 0.85}


def test_each_party_has_its_median_lead():
    """And all parties together have every lead alike often."""
    leads, rng = PartyLeads(PARTIES, MEDIANS), Random(1)
    ranks = {party: [leads.rank_of(party, rng) for _ in range(4000)] for party in PARTIES.values}
    for party, wanted in MEDIANS.items():
        assert median(ranks[party]) == pytest.approx(wanted, abs=0.03)
    mixed = [
        rank
        for party, weight in zip(PARTIES.values, PARTIES.weights, strict=True)
        for rank in ranks[party][: int(4000 * weight)]
    ]
    for tenth in range(1, 10):
        assert sum(rank < tenth / 10 for rank in mixed) / len(mixed) == pytest.approx(
            tenth / 10, abs=0.03
        )


def test_parties_follow_from_leads_by_the_same_law():
    """Drawn the other way round, parties are as frequent, and large ones book ahead."""
    leads, rng = PartyLeads(PARTIES, MEDIANS), Random(2)
    drawn = [(rank, leads.party_rank(rank, rng)) for rank in (rng.random() for _ in range(4000))]
    parties = Counter(PARTIES.at(party) for _, party in drawn)
    assert parties["9-12"] / 4000 == pytest.approx(0.1, abs=0.02)
    large = [rank for rank, party in drawn if PARTIES.at(party) == "9-12"]
    assert median(large) == pytest.approx(0.85, abs=0.04)


def test_classes_of_leads_have_bounds():
    """A single day, some days, and an open end."""
    assert [bounds_of(bucket) for bucket in ("1", "8-14", "61+")] == [(1, 1), (8, 14), (61, 90)]


def test_weekdays_of_booking_are_as_published():
    """Tables of a week are booked on the published weekdays, most of them not on Sunday."""
    facts, rng, leads = restaurant_calibration(), Random(3), party_leads()
    made = Counter()
    for _ in range(20_000):
        visit = rng.choices(range(7), facts.weekdays)[0]
        rank = leads.rank_of(facts.party.draw(rng), rng)
        made[(visit - draw_lead_days(rank, visit, rng)) % 7] += 1
    apart = sum(abs(made[day] / 20_000 - facts.booking_weekdays[day]) for day in range(7)) / 2
    assert apart < 0.03
    assert len(booking_weekdays()) == 7


def test_later_bookings_are_made_late_in_the_evening():
    """Hours before dinner belong to tables for the same evening; after it, to those for later."""
    shares = []
    for law in (later_booking_hours(), restaurant_calibration().booking_hours):
        weights = dict(zip(law.values, law.weights, strict=True))
        shares.append({hour: weights[hour] / sum(weights.values()) for hour in (14, 22)})
    assert shares[0][14] < 0.8 * shares[1][14]
    assert shares[0][22] > 1.2 * shares[1][22]
