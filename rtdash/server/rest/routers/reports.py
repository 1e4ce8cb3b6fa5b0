"""Reports over business dates: trends, customers, revenue, sources. Each is one read, and sums that
the domain makes.

The sums are made where the rows are read: over thousands of stays they take too long for the event
loop.
"""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from rtdash.domain import reports
from rtdash.domain.money import to_major
from rtdash.domain.reports import Period, ReportStay
from rtdash.domain.reservations import Charge
from rtdash.domain.venues import Venue, business_date
from rtdash.server.rest import report_schemas
from rtdash.server.rest.access import Caller, PartsDep, VenueQuery, choose_venue
from rtdash.server.rest.openapi import reading
from rtdash.server.rest.paging import DateQuery
from rtdash.server.rest.responses import answer
from rtdash.store import reports as rows
from rtdash.store.database import Connection

router = APIRouter(prefix="/api/dashboard", tags=["reports"])


@dataclass(frozen=True, slots=True)
class Span:
    """The venue and the business dates that a report is about, both included."""

    venue: Venue
    period: Period
    first: date
    last: date

    def heading(self) -> dict[str, Any]:
        """`period`, `from` and `to`."""
        return {
            "period": self.period.value,
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
        }


async def _span(
    services: PartsDep,
    caller: Caller,
    period: Annotated[Period, Query(description="7 or 30 business dates.")] = Period.WEEKLY,
    until: Annotated[
        DateQuery | None, Query(description="The last business date; default: today's.")
    ] = None,
    venue_id: VenueQuery = None,
) -> Span:
    venue = choose_venue(services.venues, caller, venue_id)
    first, last = reports.period_range(period, until or business_date(venue, services.clock()))
    return Span(venue, period, first, last)


SpanDep = Annotated[Span, Depends(_span)]


@router.get("/trends", responses=reading(report_schemas.Trends))
async def read_trends(request: Request, services: PartsDep, span: SpanDep) -> Response:
    """Reservations, guests, cancellations and revenue of each business date."""
    points = await services.database.read(
        lambda connection: reports.trend_points(
            *_rows(connection, span), first=span.first, last=span.last
        )
    )
    shown = [
        {
            "date": point.date.isoformat(),
            "reservations": point.reservations,
            "guests": point.guests,
            "cancellations": point.cancellations,
            "revenue": to_major(point.revenue_minor, span.venue.currency),
        }
        for point in points
    ]
    heading = {"venue": span.venue.id, "currency": span.venue.currency, **span.heading()}
    return answer(request, {**heading, "points": shown})


@router.get("/customers/frequency", responses=reading(report_schemas.Frequency))
async def read_frequency(request: Request, services: PartsDep, span: SpanDep) -> Response:
    """New and returning customers among those with a visit in the period."""
    frequency = await services.database.read(
        lambda connection: reports.customer_frequency(
            rows.read_visits(connection, span.venue.id, span.first, span.last)
        )
    )
    body = {
        "newCustomers": frequency.new_customers,
        "returningCustomers": frequency.returning_customers,
        "repeatRate": frequency.repeat_rate,
        "segments": [segment._asdict() for segment in frequency.segments],
    }
    return answer(request, {**span.heading(), **body})


@router.get("/revenue/by-category", responses=reading(report_schemas.Revenue))
async def read_revenue(request: Request, services: PartsDep, span: SpanDep) -> Response:
    """Revenue by room type and category of charges, or by category of the menu."""
    currency = span.venue.currency
    categories = await services.database.read(
        lambda connection: reports.revenue_by_category(
            span.venue, *_rows(connection, span), first=span.first, last=span.last
        )
    )
    total = sum(one.revenue_minor for one in categories)
    shown = [
        {
            "category": one.category,
            "revenue": to_major(one.revenue_minor, currency),
            "share": one.share,
        }
        for one in categories
    ]
    heading = {**span.heading(), "currency": currency, "total": to_major(total, currency)}
    return answer(request, {**heading, "categories": shown})


@router.get("/reservations/sources", responses=reading(report_schemas.Sources))
async def read_sources(request: Request, services: PartsDep, span: SpanDep) -> Response:
    """Where the reservations of the period came from."""
    sources = await services.database.read(
        lambda connection: rows.read_sources(connection, span.venue.id, span.first, span.last)
    )
    shown = [source._asdict() for source in reports.reservation_sources(sources)]
    return answer(request, {**span.heading(), "total": sum(sources.values()), "sources": shown})


def _rows(connection: Connection, span: Span) -> tuple[list[ReportStay], list[Charge]]:
    """The stays and the charges of a report on revenue."""
    return (
        rows.read_stays(connection, span.venue.id, span.first, span.last),
        rows.read_charges(connection, span.venue.id, span.first, span.last),
    )
