"""A sign-in code is good once, over all processes of a server."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.faults.process import SECRET, ServerProcess, server_process

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_a_code_signs_in_once_over_both(postgres_database: str, tmp_path: Path) -> None:
    """A code that `rtdash open` makes beside one process signs in at the other, and at neither a
    second time; of twenty uses at the same moment one counts.
    """
    options = {"database": postgres_database, "requests_per_second": 0}
    with (
        server_process(tmp_path / "a", **options) as one,
        server_process(tmp_path / "b", **options) as other,
    ):
        async with httpx2.AsyncClient(timeout=30) as anybody:
            await _sign_in(anybody, one, other)


async def _sign_in(anybody: httpx2.AsyncClient, one: ServerProcess, other: ServerProcess) -> None:
    pair = (one, other)

    async def use(process: ServerProcess, code: str) -> httpx2.Response:
        return await anybody.post(f"{process.url}/api/login", json={"code": code})

    code = await asyncio.to_thread(_code_of_open, one)
    answer = await use(other, code)
    assert answer.status_code == 200, answer.text
    bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
    for process in pair:
        profile = await anybody.get(f"{process.url}/api/user/profile", headers=bearer)
        assert profile.status_code == 200
        assert (await use(process, code)).status_code == 401
    code = await asyncio.to_thread(_code_of_open, other)
    answers = await asyncio.gather(*(use(pair[turn % 2], code) for turn in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 19


def _code_of_open(process: ServerProcess) -> str:
    """The code in the address that `rtdash open --print` gives for that process."""
    done = subprocess.run(
        [sys.executable, "-m", "rtdash", "open", "--print", "--data", str(process.data)],
        env={**os.environ, "RTDASH_SECRET": SECRET},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip().partition("#code=")[2]
