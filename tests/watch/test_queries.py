"""Which streams a watch follows, asked of the real server."""

import asyncio

import pytest

from rtdash.client.api import Api
from rtdash.client.api_errors import NotAllowed
from rtdash.protocol.channels import Channel
from rtdash.server.auth.tokens import mint
from rtdash.watch.queries import (
    NothingToWatch,
    UnknownVenue,
    readable_channels,
    resolve_streams,
)


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
    """A venue that the token isn't for is refused by name, with those that there are."""
    with pytest.raises(UnknownVenue, match="no venue 'elsewhere'") as refused:
        ask(served, ["hotel_stats"], ["elsewhere"])
    assert refused.value.known == ["harbour-hotel", "harbour-grill"]


@pytest.mark.parametrize(
    ("claims", "venues", "count"),
    [
        ({}, [], 6),
        ({}, ["harbour-grill"], 3),
        ({"scopes": ("hotel:read",)}, [], 3),
        ({"venues": ("harbour-hotel",)}, [], 3),
    ],
)
def test_without_a_channel_all_that_the_token_may_read(served, claims, venues, count):
    """By its scopes, the kinds of its venues, and the chosen ones."""
    secret = (served.data / "secret").read_text().strip()

    async def asking():
        async with Api(served.url, mint(secret, user="anna", **claims)) as api:
            return await readable_channels(api, venues)

    channels = asyncio.run(asking())
    assert len(channels) == count


def test_venue_without_the_channel(served):
    """A restaurant has no hotel channels."""
    with pytest.raises(
        NothingToWatch, match="'harbour-grill' is a restaurant, so that it has no hotel_stats"
    ):
        ask(served, ["hotel_stats"], ["harbour-grill"])


def test_a_token_for_an_absent_venue_is_refused_with_its_name(served):
    """The server's words say which, and how to mend it."""
    secret = (served.data / "secret").read_text().strip()

    async def asking():
        async with Api(served.url, mint(secret, user="anna", venues=["ghost"])) as api:
            return await readable_channels(api, [])

    with pytest.raises(NotAllowed, match=r"no venue 'ghost'.*rtdash venues import"):
        asyncio.run(asking())
