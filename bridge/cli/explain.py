"""``bridge explain``: what would become of a payload. Pure reading: no store, no status page."""

from __future__ import annotations

import sys
import time
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter
from msgspec import Raw, Struct

from bridge.cli.errors import USAGE, WRONG, CommandError
from bridge.cli.inputs import read_config
from bridge.cli.output import WITHOUT_ROOM, Form, Output, policy_json, print_json, say
from bridge.cli.preview import Explanation, explain_delivery
from bridge.config.sections.senders import SENDER_NAME, SENDER_NAME_WORDS
from bridge.config.units import format_duration
from bridge.core.routing import labels_read
from bridge.model import Alert, Routed
from bridge.senders import alertmanager
from bridge.senders.delivery import Delivery, NotUnderstood
from bridge.senders.pagerduty import parser as pagerduty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge.cli.preview import Explained, PostPreview, Preview
    from bridge.config.schema import Config
    from bridge.flap import Flap

_DISMISSALS = {
    "ping": "a ping",
    "event_type": "an event of a type that is of no use here",
    "note": "a note or status update that is not for the public",
    "resolve_by": "resolved, but not by a person (pagerduty.resolve_by)",
}


class Source(Enum):
    """Who sent the payload."""

    ALERTMANAGER = alertmanager.SOURCE
    PAGERDUTY = pagerduty.SOURCE


class _Captured(Struct):
    body: Raw
    t: float = 0.0


class _Capture(Struct):
    deliveries: list[_Captured]


def explain(
    payload: Annotated[
        str, Parameter(allow_leading_hyphen=True, help="A file with a webhook's body; - reads standard input.")
    ],
    /,
    *,
    config: Annotated[Path, Parameter(help="The configuration file.")],
    source: Annotated[Source, Parameter(help="The kind of sender.")] = Source.ALERTMANAGER,
    sender: Annotated[str, Parameter(help="The sender's name in the path: /webhooks/SOURCE/NAME.")] = "",
    output: Output = Form.TEXT,
) -> int:
    """Show how a payload would be handled: route, severity, services, texts. Sends nothing.

    The payload is a webhook's body, or a capture of several: {"deliveries": [{"t": seconds, "body": {...}}]}.
    Exit code 1 when it, or one of its alerts, cannot be understood.
    """
    if sender and not SENDER_NAME.fullmatch(sender):
        raise CommandError(f"--sender: expected {SENDER_NAME_WORDS}.", USAGE)
    loaded = read_config(config)
    explanations = []
    for body in _bodies(payload):
        try:
            delivery = _parse(source, sender, body, loaded)
        except NotUnderstood as error:
            raise CommandError(f"{payload}: not a payload of {source.value}: {error}") from error
        explanations.append(explain_delivery(delivery, loaded))
    if output is Form.JSON:
        print_json([_as_json(each) for each in explanations])
    else:
        for number, each in enumerate(explanations, 1):
            if len(explanations) > 1:
                say(*_gap(number - 1), f"=== Delivery {number} of {len(explanations)} ===")
            _print(each)
    return WRONG if any(each.delivery.unusable for each in explanations) else 0


def _parse(source: Source, sender: str, body: bytes, config: Config) -> Delivery:
    if source is Source.PAGERDUTY:
        return pagerduty.parse(body, config.pagerduty, labels_read(config), sender)
    return alertmanager.parse(body, time.time_ns() // 1_000_000, lambda: labels_read(config), sender)


def _bodies(payload: str) -> list[bytes]:
    try:
        content = sys.stdin.buffer.read() if payload == "-" else Path(payload).read_bytes()
    except OSError as error:
        raise CommandError(f"{payload} cannot be read: {error.strerror}") from error
    try:
        return [bytes(captured.body) for captured in msgspec.json.decode(content, type=_Capture).deliveries]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [content]  # not a capture: the parser says whether it is a payload


def _print(explanation: Explanation) -> None:
    delivery = explanation.delivery
    total = len(delivery.alerts) + len(delivery.unusable)
    say(f"{total} alert{'s' * (total != 1)}")
    for each in explanation.alerts:
        _print_alert(each)
    for bad in delivery.unusable:
        say("", f"Alert {bad.index + 1} is unusable: {bad.path}: {bad.problem}. The others count.")
    for field, count in sorted(delivery.unread.items()):
        say("", f"{field} cannot be read ({count} times), and is taken as missing.")
    if delivery.truncated:
        say("", f"{delivery.truncated} more were cut off by the sender (max_alerts): set it to 0.")
    if delivery.dismissal is not None:
        say("", f"It changes nothing: {_DISMISSALS[delivery.dismissal.reason]}.")
    for public_note in delivery.public_notes:
        say("", f"Public note on {public_note.fingerprint}, written for the public:")
        say(*(f"    {line}" for line in public_note.text.splitlines()))
    for preview in explanation.incidents:
        _print_incident(preview)


def _print_alert(each: Explained) -> None:
    labels = ", ".join(f'{name}="{value}"' for name, value in sorted(each.alert.labels.items()))
    say("", f"{each.alert.status.upper()} {each.alert.fingerprint} {{{labels}}}")
    if isinstance(each.routed, Routed):
        say(f"  counts for incident {each.routed.id}")
    else:
        say(f"  is not published ({each.routed.reason}); a resolve still reaches an incident that counts it")
    for line in (*each.routed.why, *_notable(each.alert)):
        say(f"  - {line}")


def _notable(alert: Alert) -> list[str]:
    """What of an alert makes a difference besides its status and labels."""
    found = []
    if alert.merged_into is not None:
        found.append(f"merged into {alert.merged_into}: it is over only when that one is")
    if not alert.complete:
        found.append("opens nothing yet: nobody has acknowledged it (pagerduty.open_on)")
    return found


def _print_incident(preview: Preview) -> None:
    policy = preview.policy
    say("", f"Incident {preview.id}  {preview.key}")
    say(f"  severity       {preview.severity.name}")
    say(f"  services       {', '.join(preview.services)}")
    say(f"  publish after  {format_duration(policy.publish_after_ms)} of firing")
    say(f"  resolve after  {format_duration(policy.resolve_after_ms)} of quiet")
    say(f"  reopen within  {format_duration(policy.reopen_after_ms)} of the end")
    say(f"  hold           {format_duration(policy.hold_refire_ms)} for a doubtful re-fire")
    say(f"  flapping       {_flapping(policy.flap)}")
    if preview.on_update == "stop":
        say("  people         an update on the page takes it over (people.on_update)")
    for number, posts in enumerate(_same_explanation(preview.posts)):
        shown_on = []
        for post in posts:
            shown = ", ".join(f"{name} {level}" for name, level in post.shown.items())
            shown_on.append(f"  {f'on {post.page}':<13}  {shown}")
        say(*_gap(number), *shown_on)
        _print_texts(posts[0])


def _flapping(flap: Flap | None) -> str:
    """When the public is told once of what comes and goes."""
    if flap is None:
        return "off"
    within, settle = format_duration(flap.within_ms), format_duration(flap.settle_ms)
    blips = ", blips published" if flap.blips == "publish" else ""
    return f"when it fires {flap.returns} times within {within}, until {settle} of quiet or of firing{blips}"


def _gap(number: int) -> list[str]:
    """An empty line before each but the first, number 0."""
    return [""] if number else []


def _same_explanation(posts: Sequence[PostPreview]) -> list[list[PostPreview]]:
    """The posts, those together that have the same words."""
    found: dict[str, list[PostPreview]] = {}
    for post in posts:
        found.setdefault(repr([post.name, post.texts, post.without_room]), []).append(post)
    return list(found.values())


def _print_texts(post: PostPreview) -> None:
    say(f"  name           {post.name}")
    if post.without_room:
        say(f"  without room   {WITHOUT_ROOM[post.without_room]} (budgets)")
    for kind, text in post.texts.items():
        mailed = "mailed to subscribers" if kind in post.mailed else "not mailed"
        say(f"  {kind} ({mailed}):")
        for line in text.splitlines():
            say(f"    {line}".rstrip())


def _as_json(explanation: Explanation) -> dict[str, Any]:
    return {
        "alerts": [
            {
                "fingerprint": each.alert.fingerprint,
                "status": each.alert.status,
                "labels": each.alert.labels,
                "incident": each.routed.id if isinstance(each.routed, Routed) else None,
                "ignored": None if isinstance(each.routed, Routed) else each.routed.reason,
                "why": (*each.routed.why, *_notable(each.alert)),
            }
            for each in explanation.alerts
        ],
        "unusable": explanation.delivery.unusable,
        "unread": explanation.delivery.unread,
        "truncated": explanation.delivery.truncated,
        "dismissed": explanation.delivery.dismissal,
        "public_notes": explanation.delivery.public_notes,
        "incidents": [
            {
                **msgspec.structs.asdict(preview),
                "severity": preview.severity.name,
                "policy": policy_json(preview.policy),
            }
            for preview in explanation.incidents
        ],
    }
