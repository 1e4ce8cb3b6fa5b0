"""Two workers against one: the row runs on real servers, and shows the CPU of each process."""

import json
import subprocess
import sys

import pytest

from tests.bench.test_suite import RUN
from tests.servers import TestServer


@pytest.mark.optional
def test_everybodys_cpu_is_told(
    tmp_path, postgres_server: TestServer, redis_server: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, and each figure is there for one worker and for two. At a scale at which
    each works for more than a few ticks.
    """
    monkeypatch.setenv("RTDASH_TEST_POSTGRES_URL", postgres_server.url)
    monkeypatch.setenv("RTDASH_TEST_REDIS_URL", redis_server.url)
    command = [
        sys.executable,
        str(RUN),
        "--row",
        "14",
        "--scale",
        "0.2",
        "--repeat",
        "1",
        "--json",
        str(tmp_path / "figures"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    (figures,) = json.loads((tmp_path / "figures").read_text())["medians"].values()
    assert (figures["lost_1"], figures["lost_2"]) == (0, 0)
    assert (
        min(figures[f"{who}_us_{number}"] for who in ("server", "generator") for number in (1, 2))
        > 0
    )
    assert {name[:-1] for name in figures if name.endswith("_1")} == {
        name[:-1] for name in figures if name.endswith("_2")
    }
