import re
import unicodedata

import pytest

from rtdash.simulate import population
from rtdash.simulate.distributions import seeded
from rtdash.simulate.guest_countries import COUNTRIES
from rtdash.simulate.population import Population


def test_the_email_is_derived_from_the_name():
    """Name and email of a customer agree."""
    customer = Population("names").draw(seeded("names"), repeated=False)
    first = unicodedata.normalize("NFKD", customer.name.split()[0].lower())
    assert customer.email.startswith("".join(sign for sign in first if sign.isascii()))
    assert customer.email.partition("@")[2].startswith("example.")


def test_new_customers_are_all_different():
    """Two newcomers never share an email, even when they share a name."""
    people, rng = Population("new"), seeded("new")
    assert len({people.draw(rng, repeated=False).email for _ in range(5000)}) == 5000


def test_repeated_customers_were_there_before():
    """A guest who comes again is one of those who came."""
    people, rng = Population("again"), seeded("again")
    met = {people.draw(rng, repeated=False).email for _ in range(50)}
    assert {people.draw(rng, repeated=True).email for _ in range(200)} <= met


def test_the_first_guest_is_new_whatever_was_drawn():
    """No guest can come again before one has come."""
    assert Population("first").draw(seeded("first"), repeated=True).name


def test_the_same_seed_gives_the_same_people():
    """Names depend on the seed alone."""
    drawn = [
        [Population(seed).draw(seeded("same"), repeated=False) for _ in range(3)]
        for seed in ("a", "a", "b")
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_numbers_kept_for_fiction_are_used():
    """Where a regulator keeps a range free, the telephones of its country are in it."""
    people, rng = Population("phones"), seeded("phones")
    kept = {
        "GBR": "+44 7700 900",
        "FRA": "+33 6 39 98 ",
        "USA": "+1 212 555 01",
        "AUS": "+61 491 570 ",
    }
    for country, prefix in kept.items():
        drawn = [people.draw(rng, repeated=False, country=country) for _ in range(20)]
        assert all(customer.phone.startswith(prefix) for customer in drawn)


@pytest.mark.parametrize("country", list(COUNTRIES))
def test_every_country_has_names_and_numbers(country):
    """Latin letters, a mailbox, the country's own code."""
    drawn = Population("all").draw(seeded("all"), repeated=False, country=country)
    assert all(unicodedata.name(sign).startswith("LATIN") for sign in drawn.name if sign.isalpha())
    assert drawn.phone.startswith("+")
    assert re.fullmatch(r"[a-z.]+\d+@example\.(com|net|org)", drawn.email)


def test_guests_at_home_are_of_the_country_of_the_venue():
    """The data's home is Portugal; a venue in London has British guests instead."""
    london = Population("home", timezone="Europe/London").draw(seeded("home"), repeated=False)
    assert london.country == "GBR"


def test_unnamed_countries_are_some_country():
    """Countries without a share of their own in the data stand for several."""
    people, rng = Population("other"), seeded("other")
    drawn = {people.draw(rng, repeated=False, country="other").country for _ in range(200)}
    assert len(drawn) > 5


def test_nobody_comes_again_at_once():
    """A guest who returns has not been among the last that returned: no one dines twice at a time."""
    people, rng = Population("regulars"), seeded("regulars")
    drawn = [people.draw_local(rng, repeated=rng.random() < 0.4) for _ in range(2000)]
    local = [customer.email for customer in drawn if customer.country == "PRT"]
    for last in range(len(local)):
        assert local[last] not in local[max(0, last - 6) : last]
    assert len(set(local)) < 0.8 * len(local)


def test_guests_of_a_block_are_of_one_country():
    """A group of a country without a share of its own doesn't come from four continents."""
    people, rng = Population("block"), seeded("block")
    countries = [
        {people.draw(rng, repeated=False, country="other", block=block).country for _ in range(8)}
        for block in range(1, 30)
    ]
    assert all(len(found) == 1 for found in countries)
    assert len(set.union(*countries)) > 5


def test_no_letter_of_a_name_is_lost_in_the_mailbox():
    """Also those that are no Latin letter with a mark."""
    assert population._mailbox("Nicole.Żółtek") == "nicole.zoltek"
    assert population._mailbox("I\u015f\u0131k.Sørensen") == "isik.sorensen"
    assert population._mailbox("Weiß.Đurić") == "weiss.duric"
