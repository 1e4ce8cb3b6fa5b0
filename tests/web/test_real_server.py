"""The browser client on the real server."""

import json
import os
import subprocess
from pathlib import Path

from tests.client.processes import Served
from tests.web.npm import needs

PROGRAM = Path(__file__).parent / "dropping.mjs"


def test_five_drops_before_the_first_event(tmp_path):
    """Each time the server recovers at head 0, and the first event then comes once."""
    served = Served(tmp_path / "data")
    environment = {**os.environ, "URL": served.url, "TOKEN": served.token()}
    flags = ["--experimental-websocket", "--no-warnings"]  # Node 22 has it anyway
    node = subprocess.Popen(
        [needs("node"), *flags, str(PROGRAM)], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert node.stdout.readline() == "ready\n"
        served.book(1)
        came = json.loads(node.stdout.readline())
        assert came == {"recovered": [True] * 5, "seq": 1, "position": 1}
        assert node.wait(30) == 0
    finally:
        node.kill()
        node.stdout.close()
        node.wait()
        served.end()
