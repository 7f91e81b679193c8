"""A few seeds of every campaign. `make chaos` runs them all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chaos.ambiguity import Ambiguity, LateDuplicates
from tests.chaos.budgets import Budgets
from tests.chaos.campaign_servers import lanes
from tests.chaos.campaigns import CAMPAIGNS
from tests.chaos.checkly_faults import ChecklyFaults
from tests.chaos.conservation import Conservation
from tests.chaos.crash_points import CrashPoints
from tests.chaos.drain import Drain
from tests.chaos.ends_first import EndsFirst
from tests.chaos.generation import V3
from tests.chaos.healing import HealingCampaign
from tests.chaos.hostile_campaign import KINDS, Hostile
from tests.chaos.policy import PolicyCampaign
from tests.chaos.races import Races
from tests.chaos.redis_faults import FAULTS, RedisFaults
from tests.chaos.runner import run
from tests.chaos.stopped_worker import StoppedWorker
from tests.chaos.storms import Storms

if TYPE_CHECKING:
    from tests.chaos.campaign import Campaign

ROOT = Path(__file__).parents[2]
_GENEROUS_S = 40.0  # this machine may be busy with other tests
SUBSET: list[tuple[Campaign, int, int]] = [
    (CrashPoints(), 22, 4),  # around the first POST
    (Ambiguity(), 16, 5),
    (LateDuplicates(), 1, 2),
    (CrashPoints(V3), 100, 4),  # around the first POST on the second page
    (Ambiguity(V3), 64, 4),  # at the impacts
    (RedisFaults(recovery_s=_GENEROUS_S), len(FAULTS), len(FAULTS)),  # each at the second step
    (ChecklyFaults(lasts_s=(0.2, 1.0), recovery_s=_GENEROUS_S), 24, 8),  # at the second step
    (Drain(incidents=40, recovery_s=_GENEROUS_S), 2, 1),
    (EndsFirst(outages=200, watch_s=0.0, slack_s=_GENEROUS_S / 4), 1, 1),
    (Budgets(invented=300, real_within_s=_GENEROUS_S), 1, 1),
    (PolicyCampaign(steps=14, ends_within_s=_GENEROUS_S), 1, 2),
    (Races(incidents=10), 1, 1),
    (StoppedWorker(), 23, 3),
    (Conservation(alerts=200), 1, 1),
    (Hostile(), 0, len(KINDS)),
    (Storms(seconds=2, incidents=10, alerts=2_000, giant_alerts=5_000), 1, 1),
    (HealingCampaign(alerts=20), 1, 12),
]


@pytest.mark.parametrize(("campaign", "seed", "count"), SUBSET, ids=[each.name for each, _, _ in SUBSET])
def test_nothing_is_lost_and_nothing_doubled(campaign, seed, count, tmp_path):
    report = run(campaign, tmp_path, seed=seed, count=count, lanes=lanes())
    assert report.runs == count
    assert report.faults or campaign.name == "races"
    assert report.breaches == []


def test_the_documentation_lists_every_campaign():
    page = ROOT / "docs" / "reliability.md"
    rows = [line for line in page.read_text().splitlines() if line.startswith("| `")]
    assert [each.name for each in CAMPAIGNS if sum(f"| `{each.name}` |" in row for row in rows) != 2] == []


def test_the_documentation_tells_of_every_hostile_kind_and_names_tests_that_are():
    page = (ROOT / "docs" / "reliability.md").read_text()
    [section] = re.findall(r"## What an adversary sends\n(.+?)\n## ", page, re.DOTALL)
    assert [kind for kind in KINDS if f"`{kind}`" not in section] == []
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in re.findall(r"`(test_\w+)`", section) if f"def {name}(" not in tests] == []
