"""Population of guests: names and telephone numbers of their countries, and regulars that return."""

import unicodedata
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from faker import Faker

from rtdash.simulate.distributions import GOLDEN, seeded
from rtdash.simulate.guest_countries import (
    COUNTRIES,
    ELSEWHERE,
    HOME_SHARE,
    VISITORS,
    Country,
    home_of,
)

_FIRST_NAMES = 80
_LAST_NAMES = 250
"""Names of a country, for each of two sexes."""

_REGULARS, _LEAST_REGULARS = 300, 15
"""Returning guests of a country that are remembered, and those from which on one returns."""

_RECENT = 30
"""Guests of a country that don't come again at once: no one dines twice in an evening."""

_PLAIN = str.maketrans(
    {
        "ß": "ss",
        "ø": "o",
        "ł": "l",
        "\u0131": "i",
        "æ": "ae",
        "œ": "oe",
        "đ": "d",
        "ð": "d",
        "þ": "th",
    }
)
"""Letters of mailboxes that are no Latin letter with a mark."""

_MAIL_DOMAINS = ("example.com", "example.net", "example.org")
_PUBLISHED_HOME = "PRT"

_LATIN_OF_CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        [
            "a",
            "b",
            "v",
            "g",
            "d",
            "e",
            "yo",
            "zh",
            "z",
            "i",
            "y",
            "k",
            "l",
            "m",
            "n",
            "o",
            "p",
            "r",
            "s",
            "t",
            "u",
            "f",
            "kh",
            "ts",
            "ch",
            "sh",
            "shch",
            "",
            "y",
            "",
            "e",
            "yu",
            "ya",
        ],
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Customer:
    """Guest who books; the email identifies the customer."""

    name: str
    email: str
    phone: str
    country: str


class Population:
    """Endless supply of customers in bounded memory, for a venue in `timezone`.

    Where the data set says Portugal, its home, the venue's own country is meant. Faker's output is
    stable within one of its versions only; so is what is generated here.
    """

    def __init__(self, seed: str, *, timezone: str = "Europe/Lisbon") -> None:
        self._shift = seeded(f"{seed}/names").randrange(_LAST_NAMES)
        self._home = home_of(timezone)
        self._regulars: defaultdict[str, list[Customer]] = defaultdict(list)
        self._recent: defaultdict[str, deque[Customer]] = defaultdict(lambda: deque(maxlen=_RECENT))
        self._met = 0

    def draw(
        self,
        rng: Random,
        *,
        repeated: bool,
        country: str = _PUBLISHED_HOME,
        block: int | None = None,
    ) -> Customer:
        """Return a customer of `country`: when `repeated`, one drawn before, as far as there is.

        Guests of one `block` are of one country, also where the data don't say of which.
        """
        if country == _PUBLISHED_HOME:
            country = self._home
        elif country not in COUNTRIES:
            rank = rng.random()
            country = ELSEWHERE.at(rank if block is None else block * GOLDEN % 1.0)
        regulars = self._regulars[country]
        if repeated and len(regulars) >= _LEAST_REGULARS:
            return self._return(rng, country)
        customer = self._meet(rng, country)
        self._recent[country].append(customer)
        if len(regulars) < _REGULARS:
            regulars.append(customer)
        elif rng.random() < 0.02:
            regulars[rng.randrange(_REGULARS // 2, _REGULARS)] = customer
        return customer

    def _return(self, rng: Random, country: str) -> Customer:
        """Return a regular of the country, but none of the last ones."""
        regulars, recent = self._regulars[country], self._recent[country]
        while len(recent) > len(regulars) // 2:
            recent.popleft()
        while True:
            # The square gives few customers many visits: visits are as uneven anywhere.
            customer = regulars[int(len(regulars) * rng.random() ** 2)]
            if customer not in recent:
                recent.append(customer)
                return customer

    def draw_local(self, rng: Random, *, repeated: bool) -> Customer:
        """Return a customer of a restaurant: from its own country, or from any other."""
        country = _PUBLISHED_HOME if rng.random() < HOME_SHARE else VISITORS.draw(rng)
        return self.draw(rng, repeated=repeated, country=country)

    def _meet(self, rng: Random, country: str) -> Customer:
        self._met += 1
        first, last = _names_of(country).draw(rng, self._shift)
        mailbox = _mailbox(f"{first}.{last}")
        domain = _MAIL_DOMAINS[self._met % 3]
        phone = COUNTRIES[country].draw_phone(rng)
        return Customer(f"{first} {last}", f"{mailbox}{self._met}@{domain}", phone, country)


class _Names:
    """First and last names of a country; in some, last names depend on the sex as well."""

    def __init__(self, country: Country) -> None:
        self._pools: list[tuple[Sequence[str], Sequence[str]]] = []
        if country.first_names:
            self._pools.append((country.first_names, country.last_names))
            return
        faker = Faker(country.locale, providers=["faker.providers.person"], use_weighting=False)
        faker.seed_instance(country.locale)
        romanized = hasattr(faker, "first_romanized_name")
        for sex in ("female", "male"):
            first = getattr(faker, "first_romanized_name" if romanized else f"first_name_{sex}")
            last = getattr(faker, "last_romanized_name" if romanized else f"last_name_{sex}")
            firsts = [_latin(first()) for _ in range(_FIRST_NAMES)]
            self._pools.append((firsts, [_latin(last()) for _ in range(_LAST_NAMES)]))

    def draw(self, rng: Random, shift: int) -> tuple[str, str]:
        first, last = rng.choice(self._pools)
        return rng.choice(first), last[(rng.randrange(len(last)) + shift) % len(last)]


@cache
def _names_of(country: str) -> _Names:
    """Return the names of a country, made once for all venues: Faker needs tens of milliseconds."""
    return _Names(COUNTRIES[country])


def _latin(name: str) -> str:
    """Return a Russian name in Latin letters, as a passport has it; others as they are."""
    latin = "".join(_LATIN_OF_CYRILLIC.get(letter, letter) for letter in name.lower())
    return latin.title() if latin != name.lower() else name


def _mailbox(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.lower().translate(_PLAIN))
    return "".join(
        letter for letter in plain if (letter.isascii() and letter.isalnum()) or letter == "."
    )
