from rtdash.simulate.distributions import seeded
from rtdash.simulate.population import Population


def test_the_email_is_derived_from_the_name():
    """Name and email of a customer agree."""
    customer = Population("names").draw(seeded("names"), repeated=False)
    first = customer.name.split()[0].lower()
    assert customer.email.startswith("".join(letter for letter in first if letter.isalnum()))
    assert customer.email.partition("@")[2].startswith("example.")


def test_new_customers_are_all_different():
    """Two newcomers never share an email, even when they share a name."""
    people, rng = Population("new"), seeded("new")
    assert len({people.draw(rng, repeated=False).email for _ in range(5000)}) == 5000


def test_repeated_customers_were_there_before():
    """Somebody who comes again is one of those who came."""
    people, rng = Population("again"), seeded("again")
    met = {people.draw(rng, repeated=False).email for _ in range(50)}
    assert {people.draw(rng, repeated=True).email for _ in range(200)} <= met


def test_the_first_guest_is_new_whatever_was_drawn():
    """Nobody can come again before anybody came."""
    assert Population("first").draw(seeded("first"), repeated=True).name


def test_the_same_seed_gives_the_same_people():
    """Names depend on the seed alone."""
    drawn = [
        [Population(seed).draw(seeded("same"), repeated=False) for _ in range(3)]
        for seed in ("a", "a", "b")
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_phones_ring_nowhere():
    """Telephone numbers are of the range that is kept free for fiction."""
    people, rng = Population("phones"), seeded("phones")
    numbers = [people.draw(rng, repeated=False).phone for _ in range(200)]
    assert all(number[6:12] == "-555-0" and number[12] == "1" for number in numbers)
