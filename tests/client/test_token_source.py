"""Tokens as the client takes them from wherever they are."""

import asyncio

import pytest

from rtdash.client.api import Api
from rtdash.client.api_errors import NotAllowed
from rtdash.client.live_connection import connect
from rtdash.client.token_source import present_token

WRONG = ["half of\na token", "half of\r\nX-Header: a token", "half of a tokén"]


def test_the_end_of_a_files_line_is_no_part_of_a_token() -> None:
    """An application that reads it from a file, or from a secret that is mounted as one, needn't
    care.
    """
    assert asyncio.run(present_token(" a.b.c\n")) == "a.b.c"


@pytest.mark.parametrize("token", WRONG)
def test_what_cant_be_a_token_is_refused_and_not_quoted(token: str) -> None:
    """Neither the REST client nor the live one sends it, tries again, or shows it."""

    async def rest() -> None:
        async with Api("http://127.0.0.1:1", token) as api:
            await api.profile()

    async def live() -> None:
        async with (
            connect("http://127.0.0.1:1", ["hotel_stats"], token=token) as connection,
            asyncio.timeout(30),
        ):
            async for _ in connection:
                pass

    for attempt in (rest, live):
        with pytest.raises(NotAllowed) as refused:
            asyncio.run(attempt())
        assert "half of" not in str(refused.value)
