"""Refusals about money: more than is due, than was paid, or less than was charged."""

from dataclasses import dataclass

from rtdash.domain.money import to_major
from rtdash.domain.refusals import Refusal


@dataclass(eq=False)
class Overpaid(Refusal):
    """More is paid than there is to pay."""

    code = "overpaid"
    paid_minor: int
    due_minor: int
    currency: str

    def __str__(self) -> str:
        paid, due = (to_major(minor, self.currency) for minor in (self.paid_minor, self.due_minor))
        return (
            f"{paid} {self.currency} is more than the {due} {self.currency} that are due: pay at"
            " most that"
        )


@dataclass(eq=False)
class RefundTooLarge(Refusal):
    """More is given back than was paid."""

    code = "refund_too_large"
    refund_minor: int
    paid_minor: int
    currency: str

    def __str__(self) -> str:
        refund, paid = (
            to_major(minor, self.currency) for minor in (self.refund_minor, self.paid_minor)
        )
        return (
            f"{refund} {self.currency} is more than the {paid} {self.currency} that are paid:"
            " refund at most that"
        )


@dataclass(eq=False)
class AmountBelowCharges(Refusal):
    """An amended amount doesn't cover the charges that it includes."""

    code = "amount_below_charges"
    amount_minor: int
    charged_minor: int
    currency: str

    def __str__(self) -> str:
        amount, charged = (
            to_major(minor, self.currency) for minor in (self.amount_minor, self.charged_minor)
        )
        return (
            f"the amount includes charges of {charged} {self.currency}, so it can't be {amount}:"
            " give at least that"
        )
