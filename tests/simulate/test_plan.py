import hashlib
import json
import os
import subprocess
import sys
from datetime import timedelta
from itertools import islice

import pytest

from rtdash.simulate.live_traffic import generate_live
from rtdash.simulate.scenarios import find_scenario
from tests.simulate.conftest import generate_past

PROGRAM = """
import sys
from datetime import datetime
from itertools import islice
import hashlib, json
from rtdash.simulate.live_traffic import generate_live
from rtdash.simulate.past import Past, fitting_profile
from rtdash.simulate.scenarios import find_scenario
from rtdash.simulate.venue_reader import packaged_venues
start = datetime.fromisoformat(sys.argv[1])
for venue in packaged_venues():
    profile = "city" if venue.kind == "hotel" else "restaurant"
    past = list(Past(venue, fitting_profile(venue, profile), 5, start, 3).operations())
    steady = find_scenario("steady")
    live = generate_live(venue, profile, seed=5, start=start, scenario=steady, rate_per_s=4)
    both = past + list(islice(live, 600))
    text = json.dumps([[timed.due.isoformat(), timed.operation] for timed in both])
    print(hashlib.sha256(text.encode()).hexdigest())
"""


def _digest(operations):
    return hashlib.sha256(
        json.dumps([[timed.due.isoformat(), timed.operation] for timed in operations]).encode()
    ).hexdigest()


def test_two_processes_generate_the_same_bytes(start):
    """Seed, venue, start and options decide everything; the order of a process's hashes doesn't."""
    printed = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", PROGRAM, start.isoformat()]
        printed.append(
            subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            ).stdout
        )
    assert printed[0] == printed[1]
    assert len(printed[0].split()) == 2


@pytest.mark.parametrize(
    "change",
    [{"seed": 2}, {"start": timedelta(hours=1)}, {"rate_per_s": 3.0}, {"scenario": "flash-sale"}],
)
def test_every_option_makes_another_stream(hotel, start, change):
    """Another seed, start, rate or scenario gives other operations, under ids of their own."""
    options = {"seed": 1, "start": start, "rate_per_s": 4.0, "scenario": "steady"}
    other = options | {
        name: start + value if name == "start" else value for name, value in change.items()
    }
    streams = []
    for chosen in (options, other):
        scenario = find_scenario(chosen["scenario"])
        streams.append(
            list(islice(generate_live(hotel, "resort", **chosen | {"scenario": scenario}), 500))
        )
    assert _digest(streams[0]) != _digest(streams[1])
    ids = [{timed.operation["operationId"] for timed in stream} for stream in streams]
    assert not ids[0] & ids[1]


def test_past_and_live_share_no_ids(hotel, start):
    """Live traffic after a past of the same seed and start books reservations of its own."""
    past = {
        timed.operation["reservationId"]
        for timed in generate_past(hotel, "city", seed=1, start=start, days=5)
    }
    operations = generate_live(
        hotel, "city", seed=1, start=start, scenario=find_scenario("steady"), rate_per_s=4
    )
    assert not past & {timed.operation["reservationId"] for timed in islice(operations, 1000)}


def test_start_is_an_instant_not_a_wall_clock(hotel, start):
    """The same instant in another time zone gives the same operations."""
    elsewhere = start.astimezone(hotel.zone)
    assert _digest(generate_past(hotel, "city", seed=1, start=start, days=3)) == _digest(
        generate_past(hotel, "city", seed=1, start=elsewhere, days=3)
    )
