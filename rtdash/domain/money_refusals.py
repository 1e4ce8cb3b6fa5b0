"""Refusals about money: more than is due, than was paid, or less than was charged."""

from dataclasses import dataclass
from typing import Any

from rtdash.domain.money import to_major
from rtdash.domain.refusals import Refusal


@dataclass(eq=False)
class _AmountRefused(Refusal):
    """Refusal with amounts, which its text shows in major units of `currency`."""

    amount_minor: int
    limit_minor: int
    currency: str

    def show(self, name: str, fact: Any) -> Any:
        """Return an amount in major units."""
        return to_major(fact, self.currency) if name.endswith("_minor") else fact


class Overpaid(_AmountRefused):
    """More is paid than there is to pay."""

    code = "overpaid"
    text = (
        "{amount_minor} {currency} is more than the {limit_minor} {currency} that are due: pay at"
        " most that"
    )


class RefundTooLarge(_AmountRefused):
    """More is given back than was paid."""

    code = "refund_too_large"
    text = (
        "{amount_minor} {currency} is more than the {limit_minor} {currency} that are paid: refund"
        " at most that"
    )


class AmountBelowCharges(_AmountRefused):
    """An amended amount doesn't cover the charges that it includes."""

    code = "amount_below_charges"
    text = (
        "the amount includes charges of {limit_minor} {currency}, so it can't be {amount_minor}:"
        " give at least that"
    )
