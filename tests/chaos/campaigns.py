"""All campaigns, in the order in which they are run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.chaos.ambiguity import Ambiguity, LateTwins
from tests.chaos.conservation import Conservation
from tests.chaos.crash_points import CrashPoints
from tests.chaos.races import Races
from tests.chaos.redis_faults import RedisFaults
from tests.chaos.stopped_worker import StoppedWorker

if TYPE_CHECKING:
    from tests.chaos.campaign import Campaign

CAMPAIGNS: tuple[Campaign, ...] = (
    CrashPoints(),
    Ambiguity(),
    LateTwins(),
    RedisFaults(),
    Races(),
    StoppedWorker(),
    Conservation(),
)
