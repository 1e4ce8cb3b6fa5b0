"""The AsyncAPI document: whole, and about everything that travels."""

import json
import re
from typing import Any

from rtdash.protocol.actions import ACTIONS
from rtdash.protocol.asyncapi import asyncapi_document
from rtdash.protocol.channels import Channel

DOCUMENT = asyncapi_document()


def resolve(reference: str) -> Any:
    """What a local reference points to; KeyError where it points nowhere."""
    place: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        place = place[step]
    return place


def test_every_reference_leads_somewhere() -> None:
    """Messages, schemas and channels that are named are there."""
    references = set(re.findall(r'"\$ref": "(#/[^"]+)"', json.dumps(DOCUMENT)))
    assert len(references) > 30
    for reference in references:
        assert resolve(reference)


def test_there_is_an_operation_for_each_action_and_each_channel() -> None:
    """Nothing of the protocol is left out: what the server reads is received, what a channel
    carries is sent.
    """
    operations = DOCUMENT["operations"]
    assert {
        name for name, operation in operations.items() if operation["action"] == "receive"
    } == set(ACTIONS)
    assert set(Channel) <= operations.keys()


def test_messages_are_known_by_what_stands_on_the_wire() -> None:
    """The name of each is the constant of its action, type or status, an error's too."""
    names = {message["name"] for message in DOCUMENT["components"]["messages"].values()}
    wire = {
        "error",
        "pong",
        "subscribed",
        "unsubscribed",
        "resumed",
        "authenticated",
        "batch",
        "reset",
        "disconnect",
        "token_expiring",
    }
    carried = {
        "stats_update",
        "room_availability_update",
        "new_reservation",
        "reservation_update",
        "upcoming_reservation",
        "notification",
    }
    assert names == wire | carried | set(ACTIONS)


def test_a_channel_names_exactly_what_it_carries() -> None:
    """Room availability is the hotels' alone; every channel may be reset."""

    def carried(channel: Channel) -> set[str]:
        return {
            resolve(resolve(message["$ref"])["$ref"])["name"]
            for message in DOCUMENT["operations"][channel]["messages"]
        }

    assert carried(Channel.HOTEL_STATS) == {"stats_update", "room_availability_update", "reset"}
    assert carried(Channel.RESTAURANT_STATS) == {"stats_update", "reset"}
    assert carried(Channel.HOTEL_RESERVATIONS) == {"new_reservation", "reservation_update", "reset"}
    assert carried(Channel.RESTAURANT_NOTIFICATIONS) == {
        "upcoming_reservation",
        "notification",
        "reset",
    }
