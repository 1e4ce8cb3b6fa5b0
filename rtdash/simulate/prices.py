"""Forms of prices: on fives, on nines, whole, or with cents, each as often as real prices have it."""

from collections.abc import Iterator

FIVE, NINE, WHOLE, HALF, TENTH, CENT = range(6)
FORMS = ("five", "nine", "whole", "half", "tenth", "cent")
"""Names by number. Each price has the first form that fits: 145 is on fives, 149 on nines."""

_GRIDS = ((500, 0), (1000, 900), (100, 0), (100, 50), (10, 0), (1, 0))
"""Step and offset of each form, in hundredths of a major unit."""


def form_of(hundredths: int) -> int:
    """Return the form of a price in hundredths of the major unit (cents)."""
    return next(form for form, (step, offset) in enumerate(_GRIDS) if hundredths % step == offset)


def nearest_price(hundredths: float, form: int) -> int:
    """Return the nearest price of `form`, in hundredths; not below 0."""
    return min(_near(hundredths, form), key=lambda price: abs(price - hundredths), default=0)


def price_between(low: int, high: int, rank: float, form: int) -> int:
    """Return a price of low ≤ price < high, in hundredths, at `rank` of 0 ≤ rank < 1.

    It has `form` where a price of that form is there, else the next finer one.
    """
    wanted = low + (high - low) * rank
    for finer in range(form, len(FORMS)):
        for price in _near(wanted, finer):
            if low <= price < high:
                return price
    return low


def _near(hundredths: float, form: int) -> Iterator[int]:
    """Yield the nearest two or three prices of exactly that form, the nearest grid point first."""
    step, offset = _GRIDS[form]
    price = round((hundredths - offset) / step) * step + offset
    for near in (price, price + step, price - step):
        if near > 0 and form_of(near) == form:
            yield near
