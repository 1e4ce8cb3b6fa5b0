"""The bodies of reports, as OpenAPI shows them."""

from typing import Annotated, Literal

from pydantic import Field

from rtdash.server.rest.schemas import Body, LocalDate, Money


class TrendPoint(Body):
    """One business date."""

    date: LocalDate
    reservations: int
    guests: int
    cancellations: int
    revenue: Money


class Period(Body):
    """The business dates that a report is about, both included."""

    period: Literal["weekly", "monthly"]
    from_: Annotated[LocalDate, Field(alias="from")]
    to: LocalDate


class Trends(Period):
    """A point for each business date."""

    venue: str
    currency: str
    points: list[TrendPoint]


class Segment(Body):
    """Customers by their number of visits; `share` in percent."""

    visits: Literal["1", "2", "3-5", "6+"]
    customers: int
    share: float


class Frequency(Period):
    """Customers with a visit in the period."""

    new_customers: int
    returning_customers: int
    repeat_rate: float
    segments: list[Segment]


class CategoryRevenue(Body):
    """`share` in percent."""

    category: str
    revenue: Money
    share: float


class Revenue(Period):
    """Revenue by category."""

    currency: str
    total: Money
    categories: list[CategoryRevenue]


class SourceShare(Body):
    """`share` in percent."""

    source: str
    reservations: int
    share: float


class Sources(Period):
    """Reservations by source."""

    total: int
    sources: list[SourceShare]
