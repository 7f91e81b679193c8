"""The two generations of status pages, as far as a campaign must tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from tests.scenarios.vocabulary import INCIDENTS, INCIDENTS_V3

SERVICES = ("Checkout", "Payments", "Search")
_SUBSCRIBERS = ["reader@example.com"]


class Generation(Struct, frozen=True, kw_only=True):
    """``services`` is what each of the shop's is in the configuration; ``impacts``, what each severity does to it.

    ``shown`` are the services by the page that has incidents of its own for them: in v1 the account has, under no name.
    ``path`` is where faults find the list of incidents.
    """

    name: str
    services: Mapping[str, Any]
    shown: Mapping[str, frozenset[str]]
    impacts: Mapping[str, str]
    path: str

    def campaign(self, name: str) -> str:
        """What a campaign is called that exists for both."""
        return name if self is V1 else f"{name}-{self.name}"

    def lookalike(self, name: str) -> dict[str, Any]:
        """An incident of others, as the control endpoint takes it, of this name and on the story's first service."""
        if self is V1:
            return {"name": name, "services": ["Checkout"], "severity": "MEDIUM"}
        return {"name": name, "page": "store", "impacts": {"Checkout": self.impacts["MEDIUM"]}}


V1 = Generation(
    name="v1",
    services={name: name for name in SERVICES},
    shown={"": frozenset(SERVICES)},
    impacts={},
    path=INCIDENTS,
)
V3 = Generation(
    name="v3",
    services={
        "Checkout": {"page": "store", "component": "Checkout"},
        "Payments": [{"page": page, "component": "Payments"} for page in ("store", "web")],
        "Search": {"page": "web", "component": "Search"},
    },
    shown={"store": frozenset({"Checkout", "Payments"}), "web": frozenset({"Payments", "Search"})},
    impacts={"CRITICAL": "MAJOR_OUTAGE", "MEDIUM": "DEGRADED_PERFORMANCE"},
    path=INCIDENTS_V3,
)
ACCOUNT: dict[str, Any] = {
    "services": list(SERVICES),
    "pages": [
        {
            "name": "Shop",
            "url": "shop",
            "cards": [{"name": "Services", "services": list(SERVICES)}],
            "subscribers": _SUBSCRIBERS,
        },
        *(
            {"name": page.title(), "url": page, "components": sorted(services), "subscribers": _SUBSCRIBERS}
            for page, services in V3.shown.items()
        ),
    ],
}
