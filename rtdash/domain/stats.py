"""The dashboard's figures: what a reservation counts for at an instant, and how that compares to a
week ago (guide: rest, "What the figures mean").
"""

from dataclasses import dataclass

from rtdash.domain.money import to_major


@dataclass(frozen=True, slots=True)
class Totals:
    """The four figures of a venue's business date; `pending_minor` is the sum of the positive
    balances.
    """

    reservations: int = 0
    prepaid: int = 0
    guests: int = 0
    pending_minor: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.reservations + other.reservations,
            self.prepaid + other.prepaid,
            self.guests + other.guests,
            self.pending_minor + other.pending_minor,
        )


def trend(now: int, before: int) -> int | None:
    """Return the change in whole percent, halves away from zero; None when there is nothing to
    compare with. Neither figure is negative.
    """
    if before == 0:
        return None
    change = now - before
    percent = (200 * abs(change) + before) // (2 * before)
    return percent if change >= 0 else -percent


def dashboard_stats(now: Totals, week_ago: Totals, currency: str) -> dict[str, int | float | None]:
    """Return the eight figures of `stats_update` in the order of the requirements; money in major
    units.
    """
    return {
        "reservationsToday": now.reservations,
        "prepaidReservations": now.prepaid,
        "expectedGuests": now.guests,
        "pendingPayments": to_major(now.pending_minor, currency),
        "pendingPaymentsTrend": trend(now.pending_minor, week_ago.pending_minor),
        "reservationsTrend": trend(now.reservations, week_ago.reservations),
        "prepaidTrend": trend(now.prepaid, week_ago.prepaid),
        "guestsTrend": trend(now.guests, week_ago.guests),
    }
