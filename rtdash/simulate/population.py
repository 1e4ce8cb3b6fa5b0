"""The people who book: names from pools that Faker fills once, emails that fit the names, and
regulars who come again.
"""

from dataclasses import dataclass
from random import Random

from faker import Faker

_FIRST_NAMES = 300
_LAST_NAMES = 700
_REGULARS = 600
_MAIL_DOMAINS = ("example.com", "example.net", "example.org")


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who books; the email tells customers apart."""

    name: str
    email: str
    phone: str


class Population:
    """An endless supply of customers in bounded memory.

    Faker's output is stable within one of its versions only; so is what is generated here.
    """

    def __init__(self, seed: str) -> None:
        faker = Faker("en_US", use_weighting=False)
        faker.seed_instance(seed)
        self._first_names = [faker.first_name() for _ in range(_FIRST_NAMES)]
        self._last_names = [faker.last_name() for _ in range(_LAST_NAMES)]
        self._regulars: list[Customer] = []
        self._met = 0

    def draw(self, rng: Random, *, repeated: bool) -> Customer:
        """Return a customer: somebody who was here before when `repeated` (as far as anybody was), else
        somebody new.
        """
        if repeated and self._regulars:
            # The square makes few people very faithful: visits are as uneven among customers as
            # anywhere.
            return self._regulars[int(len(self._regulars) * rng.random() ** 2)]
        customer = self._meet(rng)
        if len(self._regulars) < _REGULARS:
            self._regulars.append(customer)
        elif rng.random() < 0.02:
            self._regulars[rng.randrange(_REGULARS // 2, _REGULARS)] = customer
        return customer

    def _meet(self, rng: Random) -> Customer:
        self._met += 1
        first, last = rng.choice(self._first_names), rng.choice(self._last_names)
        mailbox = "".join(
            letter for letter in f"{first}.{last}".lower() if letter.isalnum() or letter == "."
        )
        # 555-01xx is kept free for fiction in the North American plan, so nobody's telephone rings.
        phone = f"+1-{rng.randrange(201, 990)}-555-{rng.randrange(100, 200):04d}"
        return Customer(
            f"{first} {last}", f"{mailbox}{self._met}@{_MAIL_DOMAINS[self._met % 3]}", phone
        )
