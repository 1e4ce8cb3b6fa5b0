"""Parts of generated bookings depend on each other as in the data: pairs and triples.

With RTDASH_FULL=1 only, since it reads the data set and takes a minute. The table over ten seeds
and a chain that is fitted to the other half: python -m loadtests.calibrate.joints FILE
"""

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from random import Random

import pytest

from loadtests.calibrate import joints
from loadtests.calibrate.days import WARM_UP
from loadtests.calibrate.rows import FIRST, LAST, read_rows
from rtdash.resources import data_path
from rtdash.simulate.calibration import HOTEL_KEYS, TrafficProfile
from rtdash.simulate.hotel_chain import hotel_chain
from tests.simulate.data_set import find_data_set


@pytest.mark.optional
@pytest.mark.skipif(os.environ.get("RTDASH_FULL") != "1", reason="RTDASH_FULL=1 takes a minute")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("profile", [TrafficProfile.RESORT, TrafficProfile.CITY])
def test_pairs_and_triples_are_near_those_of_a_half_of_the_data(profile):
    """Within 0.05 (pairs) and 0.08 (triples) beyond what two random halves differ by."""
    rows = read_rows(find_data_set())[HOTEL_KEYS[profile]]
    rng, halves = Random(2), ([], [])
    for row in rows:
        if FIRST <= row.arrival <= LAST:
            halves[rng.random() < 0.5].append(row)
    ordered = sorted(row.rate for row in halves[1])
    deciles = [ordered[len(ordered) * step // 10] for step in range(1, 10)]
    chain = hotel_chain(profile)
    one, other = (joints.seen(half, deciles) for half in halves)
    # Four runs together: in one alone, prices of few large blocks differ by luck, as in the data.
    runs = (joints.generate(chain, seed, days=WARM_UP + 730) for seed in range(4))
    stays = [stay for run in runs for stay in joints.two_years(run)]
    drawn = joints.generated(stays, chain.mean_rate, deciles)
    too_far = {}
    for names in (*combinations(joints.NAMES, 2), *joints.TRIPLES):
        bound = joints.TRIPLE_BOUND if len(names) == 3 else joints.PAIR_BOUND
        apart = joints.variation(drawn, other, names) - joints.variation(one, other, names)
        if apart > bound:
            too_far[names] = round(apart, 3)
    assert too_far == {}


@pytest.mark.optional
@pytest.mark.skipif(os.environ.get("RTDASH_FULL") != "1", reason="RTDASH_FULL=1 takes minutes")
@pytest.mark.timeout(3600)
def test_the_fixture_is_what_the_script_writes(tmp_path):
    """To the byte, in one run: nothing was set by hand."""
    written = tmp_path / "hotel_chain.json"
    command = [sys.executable, "-m", "loadtests.calibrate", str(find_data_set()), str(written)]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    shipped = data_path("fixtures", "calibration", "hotel_chain.json")
    assert written.read_bytes() == shipped.read_bytes()
