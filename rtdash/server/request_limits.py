"""Limits on requests, built of the settings."""

import time

from rtdash.server.http.byte_budget import BODIES_TOTAL_BYTES, BODIES_USER_BYTES, ByteBudget
from rtdash.server.http.request_limit import RequestLimit
from rtdash.server.metrics.registry import Metrics
from rtdash.server.services import ADDRESS_FACTOR
from rtdash.settings import Limits


def limit_users(limits: Limits, metrics: Metrics) -> RequestLimit:
    """Return the pace of a user's requests."""
    refused = metrics.limit_refusals.labels("requests_per_second")
    return RequestLimit(
        limits.requests_per_second,
        limits.requests_burst,
        monotonic=time.monotonic,
        dry_run=limits.limits_dry_run,
        on_refused=refused.inc,
    )


def limit_addresses(limits: Limits, metrics: Metrics) -> RequestLimit:
    """Return the pace of requests without a known token: above it an address waits, however many
    users are behind it, since those are counted by themselves.
    """
    refused = metrics.limit_refusals.labels("requests_of_an_address")
    return RequestLimit(
        ADDRESS_FACTOR * limits.requests_per_second,
        ADDRESS_FACTOR * limits.requests_burst,
        monotonic=time.monotonic,
        dry_run=limits.limits_dry_run,
        on_refused=refused.inc,
    )


def limit_bodies(limits: Limits, metrics: Metrics) -> ByteBudget:
    """Return the budget of bytes in bodies that are being read."""
    return ByteBudget(
        total_bytes=BODIES_TOTAL_BYTES,
        owner_bytes=BODIES_USER_BYTES,
        dry_run=limits.limits_dry_run,
        on_refused=metrics.limit_refusals.labels("bodies_in_flight_bytes").inc,
    )
