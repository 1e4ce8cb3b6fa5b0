"""Which streams a watch follows, asked of the real server."""

import asyncio

import pytest

from rtdash.client import NotAllowed
from rtdash.client.api import Api
from rtdash.protocol.channels import Channel
from rtdash.watch.queries import NothingToWatch, resolve_streams


def ask(served, channels, venues):
    async def asking():
        async with Api(served.url, served.token()) as api:
            return await resolve_streams(api, [Channel(channel) for channel in channels], venues)

    return asyncio.run(asking())


def test_channels_go_to_venues_of_their_kind(served):
    """A hotel gets the hotel's channels; what no named venue has is left to the server's
    default.
    """
    pairs = ask(
        served, ["hotel_stats", "hotel_reservations", "restaurant_stats"], ["harbour-hotel"]
    )
    assert pairs == [
        ("harbour-hotel", "hotel_stats"),
        ("harbour-hotel", "hotel_reservations"),
        (None, "restaurant_stats"),
    ]


def test_foreign_venue(served):
    """A venue that the token isn't for is refused by name."""
    with pytest.raises(
        NotAllowed, match="not for the venue 'elsewhere', only for harbour-hotel, harbour-grill"
    ):
        ask(served, ["hotel_stats"], ["elsewhere"])


def test_venue_without_the_channel(served):
    """A restaurant has no hotel channels."""
    with pytest.raises(
        NothingToWatch, match="'harbour-grill' is a restaurant, so that it has no hotel_stats"
    ):
        ask(served, ["hotel_stats"], ["harbour-grill"])
