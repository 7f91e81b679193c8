"""What the configuration says of senders: their names, and what PagerDuty's events mean."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct, field

_NOTES: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["marker"],
    "properties": {
        "marker": {
            "type": "string",
            "minLength": 1,
            "pattern": r"^\S(.*\S)?$",
            "description": "What a note for the public starts with.",
            "examples": ["PUBLIC:"],
        }
    },
}


class PagerDuty(Struct, frozen=True, kw_only=True):
    """What PagerDuty's events mean.

    ``open_on`` is ``triggered`` or ``acknowledged``; ``acknowledged``: ``ignore`` or ``identified``; ``resolve_by``:
    ``anyone`` or ``person``; ``merge_unknown_target``: ``keep_open`` or ``resolve``. A note is published if it starts
    with ``note_marker`` (None: none is), a status update if ``status_updates``.
    """

    open_on: Annotated[
        Literal["triggered", "acknowledged"],
        Meta(description="When an incident counts: once it is triggered, or once somebody has acknowledged it."),
    ] = "triggered"
    acknowledged: Annotated[
        Literal["ignore", "identified"],
        Meta(description="Whether acknowledging every incident moves the status page to IDENTIFIED."),
    ] = "ignore"
    resolve_by: Annotated[
        Literal["anyone", "person"], Meta(description="Whether a resolve by monitoring or by a timeout counts too.")
    ] = "anyone"
    merge_unknown_target: Annotated[
        Literal["keep_open", "resolve"],
        Meta(description="What becomes of an incident that was merged into one that the bridge does not know."),
    ] = "keep_open"
    note_marker: Annotated[
        str | None,
        Meta(
            description="Publish the notes that start with a marker. Left out, none is published.",
            extra_json_schema=_NOTES,
        ),
    ] = field(default=None, name="notes")
    status_updates: Annotated[bool, Meta(description="Publish every status update that is sent to stakeholders.")] = (
        False
    )


class NamedSender(Struct, frozen=True, kw_only=True):
    """A sender that the configuration lists. ``credentials``: the environment variable of its own, if it has some."""

    credentials: str | None = None


OTHER_SENDER = "other"
"""What metrics call every sender with a name that is not listed."""


class Senders(Struct, frozen=True, kw_only=True):
    """The senders whose paths have a name, by source and name; ``only_listed``: no others are accepted."""

    listed: dict[str, dict[str, NamedSender]] = {}
    only_listed: Annotated[
        bool, Meta(description="Answer 404 to every other name. Paths without a name stay as they are.")
    ] = False

    def of(self, source: str) -> dict[str, NamedSender]:
        """Those of one source, by name."""
        return self.listed.get(source, {})

    def series_of(self, source: str, sender: str) -> str:
        """What metrics call this sender; empty if it has no name."""
        return sender if not sender or sender in self.of(source) else OTHER_SENDER
