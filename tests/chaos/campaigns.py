"""All campaigns, in the order in which they are run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.ambiguity import Ambiguity, LateDuplicates
from tests.chaos.budgets import Budgets
from tests.chaos.checkly_faults import ChecklyFaults
from tests.chaos.conservation import Conservation
from tests.chaos.crash_points import CrashPoints
from tests.chaos.drain import Drain
from tests.chaos.ends_first import EndsFirst
from tests.chaos.generation import V3
from tests.chaos.healing import HealingCampaign
from tests.chaos.healing_for_real import RealHealing
from tests.chaos.hostile_campaign import Hostile
from tests.chaos.model import Model
from tests.chaos.policy import PolicyCampaign
from tests.chaos.races import Races
from tests.chaos.redis_faults import RedisFaults
from tests.chaos.stopped_worker import StoppedWorker
from tests.chaos.storms import Storms

if TYPE_CHECKING:
    from tests.chaos.campaign import Campaign

CAMPAIGNS: tuple[Campaign, ...] = (
    Model(),
    CrashPoints(),
    CrashPoints(V3),
    Ambiguity(),
    Ambiguity(V3),
    LateDuplicates(),
    LateDuplicates(V3),
    RedisFaults(),
    ChecklyFaults(),
    Drain(),
    EndsFirst(),
    Budgets(),
    PolicyCampaign(),
    Races(),
    StoppedWorker(),
    Conservation(),
    Hostile(),
    Storms(),
    HealingCampaign(),
    RealHealing(),
)
