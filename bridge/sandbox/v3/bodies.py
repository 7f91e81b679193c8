"""The request bodies of the v3 API, as strict as its OpenAPI document, and stricter where that is silent.

Unknown keys, empty texts and repeated components are refused: a client that sends them is not sure what it says.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args
from uuid import UUID

from msgspec import Meta, Struct, field

from bridge.sandbox.impacts import ActiveImpact, Impact, Phase
from bridge.sandbox.incidents import Status
from bridge.sandbox.instants import instant
from bridge.sandbox.reading import Moment, Name
from bridge.sandbox.updates import UpdateBody


class UpdateV3(UpdateBody, kw_only=True):
    """An incident update; its status must be told."""

    status: Status


class ImpactBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """What one component suffers now."""

    component_id: UUID = field(name="componentId")
    status: Impact


class IncidentBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """An incident's new name and current impacts. No impacts at all say that every component is operational."""

    name: Name
    component_impacts: list[ImpactBody] = field(name="componentImpacts", default_factory=list)

    def __post_init__(self) -> None:
        if len(self.impacts) < len(self.component_impacts):
            raise ValueError("`componentImpacts` contains a duplicate value")

    @property
    def impacts(self) -> dict[str, Impact]:
        """The impacts by the components' ids."""
        return {str(one.component_id): one.status for one in self.component_impacts}


class NewIncidentBody(IncidentBody, kw_only=True):
    """A new incident with its first update."""

    updates: Annotated[list[UpdateV3], Meta(min_length=1, max_length=1)] = field(name="incidentUpdates")


class WindowBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """What one component suffered from one instant to another, or null for "until now"."""

    component_id: UUID = field(name="componentId")
    status: ActiveImpact
    started_at: Moment = field(name="startedAt")
    ended_at: Moment | None = field(name="endedAt")

    def phase(self) -> Phase:
        """The same as the state keeps it."""
        ended_at = None if self.ended_at is None else instant(self.ended_at)
        return Phase(str(self.component_id), self.status, instant(self.started_at), ended_at)


class TimelineBody(Struct, kw_only=True, forbid_unknown_fields=True):
    """All that the components of an incident suffered."""

    windows: list[WindowBody] = field(name="componentImpacts")


class ComponentBody(Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """A component; what is left out is reset."""

    name: Name
    display_order: int
    type: Literal["SERVICE", "GROUP"] = "SERVICE"
    description: str | None = None
    hidden: bool = False
    parent_id: UUID | None = None


Color = Annotated[str, Meta(pattern=r"^#([0-9A-F]{3}|[0-9A-F]{6})$")]
Link = Annotated[str, Meta(pattern=r"^https?://", max_length=2048)]
ShortLink = Annotated[str, Meta(pattern=r"^https?://", max_length=255)]


Part = Literal[
    "bodyBackgroundColor",
    "headerBackgroundColor",
    "headerFontColor",
    "titleFontColor",
    "bodyFontColor",
    "bodyFontColorMuted",
    "navigationFontColor",
    "linkFontColor",
    "cardBackgroundColor",
    "borderColor",
    "primaryButtonBackgroundColor",
    "primaryButtonFontColor",
]
Colors = Annotated[dict[Part, Color], Meta(min_length=len(get_args(Part)))]
ThemeColors = Annotated[dict[Literal["light", "dark"], Colors], Meta(min_length=2)]


class Look(Struct, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a page is besides its name and address; what is left out is reset."""

    description: Annotated[str, Meta(max_length=500)] | None = None
    custom_domain: str | None = None
    theme_colors: ThemeColors | None = None
    logo: Link | None = None
    logo_dark: Link | None = None
    redirect_to: Link | None = None
    favicon: Link | None = None
    default_theme: Literal["LIGHT", "DARK", "AUTO"] = "AUTO"
    privacy_policy_link: ShortLink | None = None
    terms_of_service_link: ShortLink | None = None
    footer_text: Annotated[str, Meta(max_length=1000)] | None = None
    google_analytics_tag: Annotated[str, Meta(max_length=255, pattern="^[A-Za-z0-9-]+$")] | None = None
    allow_indexing: bool = True


class PageBody(Look, kw_only=True):
    """A page. Its address is taken in small letters."""

    name: Name
    url: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
