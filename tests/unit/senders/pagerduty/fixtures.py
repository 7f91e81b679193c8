"""The PagerDuty deliveries written for these tests: invented, one file each."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parents[3] / "fixtures" / "pagerduty"
NAMES = sorted(path.stem for path in DIRECTORY.glob("*.json"))
BODIES: dict[str, dict[str, Any]] = {name: json.loads((DIRECTORY / f"{name}.json").read_text()) for name in NAMES}


def fixture(name: str, /, **changes: Any) -> dict[str, Any]:
    """A body; ``changes`` replace what stands at a path below ``event``, written with ``__`` for each dot."""
    body = copy.deepcopy(BODIES[name])
    for path, value in changes.items():
        *parents, last = path.split("__")
        target = body["event"]
        for key in parents:
            target = target[key]
        target[last] = value
    return body
