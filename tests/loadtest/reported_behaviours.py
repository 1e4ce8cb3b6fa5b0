"""Servers that are wrong as public reports about others describe it, each in one way."""

import math
from typing import Any

from tests.loadtest.independent_behaviour import Behaviour

Json = dict[str, Any]


class DoubleSubscribing(Behaviour):
    """Sends everything twice to a client that subscribed twice (mosca 147, uWebSockets.js 749)."""

    def copies(self, times_asked: int) -> int:
        """As often as it asked."""
        return times_asked


class Racing(Behaviour):
    """Looks for a repeat before it waits, so that two at once are both new (mastodon 37879)."""

    def acknowledge_delay_s(self) -> float:
        """Of each request: long enough for another to come in between."""
        return 0.1

    def is_repeat(self, *, was_known: bool, is_known: bool) -> bool:
        """As it was when the request came."""
        return was_known


class Mangling(Behaviour):
    """Sends names in an encoding that has no room for them (flare 12, em-websocket 75)."""

    def event(self, event: Json) -> Json:
        """Of each event."""
        if "reservation" in event:
            name = event["reservation"]["customerName"]
            event["reservation"]["customerName"] = name.encode("latin-1", "replace").decode("cp437")
        return event


class Escaping(Behaviour):
    """Escapes names for HTML, which is the reader's to do."""

    def event(self, event: Json) -> Json:
        """Of each event."""
        if "reservation" in event:
            name = event["reservation"]["customerName"]
            event["reservation"]["customerName"] = name.replace("&", "&amp;").replace("'", "&#39;")
        return event


class SkippingPages(Behaviour):
    """Begins the next page behind all that start when the last one ended (activepieces 14323)."""

    def page(self, shown: list[Json], offset: int, limit: int) -> tuple[list[Json], int]:
        """By the start alone."""
        end = offset + limit
        page = shown[offset:end]
        while page and end < len(shown) and shown[end]["date"] == page[-1]["date"]:
            end += 1
        return page, end


class OverlappingPages(Behaviour):
    """Begins the next page with the last item of the one before."""

    def page(self, shown: list[Json], offset: int, limit: int) -> tuple[list[Json], int]:
        """Off by one."""
        return shown[offset : offset + limit], offset + max(1, limit - 1)


class AnnouncingTwice(Behaviour):
    """Announces a start from each of its processes (agentscope 2223)."""

    def times_announced(self) -> int:
        """There are two."""
        return 2


class Misintroducing(Behaviour):
    """Announces a guest under the name of another."""

    def event(self, event: Json) -> Json:
        """Of what starts soon."""
        if event["type"] == "upcoming_reservation":
            event["reservation"]["customerName"] = "Somebody Else"
        return event


class CuttingCents(Behaviour):
    """Counts cents by a binary fraction and cuts off what is less than one."""

    def event(self, event: Json) -> Json:
        """Of what is to be paid."""
        if "reservation" in event:
            money = {name: _cut(event["reservation"][name]) for name in ("amount", "paid")}
            balance = round(money["amount"] - money["paid"], 2)
            event["reservation"] |= {**money, "balance": balance}
        return event


class Lending(Behaviour):
    """Gives a session to any user that knows its id (modelcontextprotocol/go-sdk 697)."""

    def binds_sessions(self) -> bool:
        """To no user."""
        return False


def _cut(amount: float) -> float:
    return math.floor(amount * 100) / 100
