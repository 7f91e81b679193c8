"""A few seeds of every campaign. `make chaos` runs them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.ambiguity import Ambiguity, LateTwins
from tests.chaos.conservation import Conservation
from tests.chaos.crash_points import CrashPoints
from tests.chaos.races import Races
from tests.chaos.redis_faults import FAULTS, RedisFaults
from tests.chaos.runner import run
from tests.chaos.stage import lanes
from tests.chaos.stopped_worker import StoppedWorker

if TYPE_CHECKING:
    from tests.chaos.campaign import Campaign

SUBSET: list[tuple[Campaign, int, int]] = [
    (CrashPoints(), 22, 6),  # around the first POST
    (Ambiguity(), 16, 8),
    (LateTwins(), 1, 2),
    (RedisFaults(), len(FAULTS), len(FAULTS)),  # each at the second step
    (Races(incidents=10), 1, 1),
    (StoppedWorker(), 23, 3),
    (Conservation(alerts=200), 1, 1),
]


@pytest.mark.parametrize(("campaign", "seed", "count"), SUBSET, ids=[each.name for each, _, _ in SUBSET])
def test_nothing_is_lost_and_nothing_doubled(campaign, seed, count, tmp_path):
    report = run(campaign, tmp_path, seed=seed, count=count, lanes=lanes())
    assert report.runs == count
    assert report.faults or campaign.name == "races"
    assert report.breaches == []
