"""The REST interface from the client's side: reads, and writes that may be sent again without being
done twice.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

import httpx2

from rtdash.client.addresses import rest_url
from rtdash.client.api_errors import NotAllowed, Problem, Unreachable, problem_of
from rtdash.client.environment import open_client
from rtdash.client.shapes import (
    EVENT_PAGE,
    PROFILE,
    RESERVATIONS,
    STATE_PAGE,
    STATS,
    Shape,
    has_shape,
)
from rtdash.client.token_source import TokenSource, present_token
from rtdash.protocol.backoff import Backoff

JsonObject = dict[str, Any]

_TIMEOUT = httpx2.Timeout(30, connect=5)
_TRY_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


class Api:
    """A connection-pooled client of one server, used as `async with Api(url, token) as api`.

    `retry_for_s` bounds how long one list of operations is tried. Every method raises Unreachable,
    NotAllowed (401, 403) or Problem.
    """

    def __init__(
        self,
        url: str,
        token: TokenSource,
        *,
        retry_for_s: float = 60,
        connections: int = 8,
        rng: random.Random | None = None,
    ) -> None:
        self.url = rest_url(url)
        self.retries = 0
        """Requests that were sent again."""
        self.retried_for = ""
        """Why the last of them was, in words."""
        self._token = token
        self._retry_for_s = retry_for_s
        self._rng = rng or random.Random()  # noqa: S311
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = open_client(httpx2.AsyncClient, self.url, timeout=_TIMEOUT, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get_json(self, path: str, **params: str | float | None) -> Any:
        """Return the decoded body of `GET path?params`; parameters that are None are left out.
        Tried once.
        """
        return await self._send(
            "GET", path, params={name: value for name, value in params.items() if value is not None}
        )

    async def post_operations(self, operations: Sequence[Mapping[str, Any]]) -> list[JsonObject]:
        """Send up to 1,000 operations; returns one outcome each, in order (guide: rest, "Writing").

        They are sent again after a lost connection, 429, and 5xx that pass: safe, as their
        operationIds stay the same. After `retry_for_s` the last error is raised; the outcomes are
        then unknown, and sending the same operations later is safe too.
        """
        until = time.monotonic() + self._retry_for_s
        backoff = Backoff(
            self._rng, time.monotonic, first_s=_FIRST_PAUSE_S, longest_s=_LONGEST_PAUSE_S
        )
        while True:
            try:
                return _outcomes(
                    await self._send("POST", "/api/operations", json=list(operations)),
                    len(operations),
                )
            except (Unreachable, Problem) as failure:
                asked_s = failure.retry_after_s if isinstance(failure, Problem) else 0
                pause_s = asked_s + backoff.next_delay_s()
                if not _may_pass(failure) or time.monotonic() + pause_s > until:
                    raise
                self.retries += 1
                self.retried_for = str(failure)
                await asyncio.sleep(pause_s)

    async def profile(self) -> JsonObject:
        """Fetch the user of the token, and its venues."""
        return await self._get_object("/api/user/profile", PROFILE)

    async def room_types(self, venue: str) -> JsonObject:
        """Fetch `currency` and `roomTypes` of a hotel."""
        return await self._get_object(
            "/api/hotel/room-types", {"currency": str, "roomTypes": [dict]}, venue=venue
        )

    async def menu_categories(self, venue: str) -> list[JsonObject]:
        """Fetch the categories of a restaurant's menu."""
        answer = await self._get_object(
            "/api/restaurant/menu/categories", {"categories": [dict]}, venue=venue
        )
        categories: list[JsonObject] = answer["categories"]
        return categories

    async def menu_items(self, venue: str) -> list[JsonObject]:
        """Fetch the items of all categories of a restaurant's menu."""
        answer = await self._get_object(
            "/api/restaurant/menu/items", {"items": [dict]}, venue=venue
        )
        items: list[JsonObject] = answer["items"]
        return items

    async def reservations_today(self, venue: str, *, limit: int | None = None) -> JsonObject:
        """Fetch the reservations of a venue's business date: `businessDate, total, reservations,
        next, positions`.
        """
        return await self._get_object(
            "/api/dashboard/reservations/today", RESERVATIONS, venue=venue, limit=limit
        )

    async def upcoming(self, venue: str) -> JsonObject:
        """Fetch the reservations that come up, soonest first: `reservations, next`."""
        return await self._get_object("/api/reservations/upcoming", RESERVATIONS, venue=venue)

    async def stats(self, venue: str) -> JsonObject:
        """Fetch the figures of a venue: `timestamp, stats` and more."""
        return await self._get_object("/api/dashboard/stats", STATS, venue=venue)

    async def events(
        self,
        channel: str,
        *,
        venue: str | None = None,
        after: int | None = None,
        epoch: str | None = None,
        limit: int | None = None,
    ) -> JsonObject:
        """Fetch what the socket would have sent on a channel after a position: `events, position,
        recovered, reset?`.
        """
        return await self._get_object(
            f"/api/channels/{channel}/events",
            STATE_PAGE if channel.endswith("_stats") else EVENT_PAGE,
            venue=venue,
            after=after,
            epoch=epoch,
            limit=limit,
        )

    async def _get_object(
        self, path: str, shape: Shape, **params: str | float | None
    ) -> JsonObject:
        """Fetch an object of the contract's shape: a portal or a proxy may say 200, too."""
        body: JsonObject = await self.get_json(path, **params)
        if not has_shape(body, shape):
            raise Problem(
                200,
                title="The answer is not that of rtdash",
                detail=f"{self.url} seems to be something else",
            )
        return body

    async def _send(self, method: str, path: str, **content: Any) -> Any:
        headers = {"Authorization": f"Bearer {await present_token(self._token)}"}
        try:
            response = await self._client.request(
                method, self.url + path, headers=headers, **content
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Unreachable(self.url, str(error) or type(error).__name__) from error
        if not response.is_success:
            raise problem_of(
                response.status_code,
                response.content,
                retry_after=response.headers.get("Retry-After"),
            )
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise Problem(
                response.status_code,
                title="The answer is not JSON",
                detail=f"{self.url} seems to be something else",
            ) from None


def _may_pass(failure: Unreachable | Problem) -> bool:
    return isinstance(failure, Unreachable) or (
        failure.status in _TRY_AGAIN and not isinstance(failure, NotAllowed)
    )


def _outcomes(answer: Any, expected: int) -> list[JsonObject]:
    outcomes = answer.get("outcomes") if isinstance(answer, dict) else None
    if not isinstance(outcomes, list) or len(outcomes) != expected:
        raise Problem(
            200, title="The outcomes don't match the operations", detail=f"{expected} were sent"
        )
    return outcomes
