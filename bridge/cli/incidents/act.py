"""``bridge incidents hold`` and the other verbs: what an operator does to one incident."""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from cyclopts import Parameter

from bridge.cli.client import DEFAULT_URL, NoAnswer, Url, incident_path, post
from bridge.cli.errors import USAGE, CommandError
from bridge.cli.incidents.show import print_head
from bridge.cli.output import Form, Output, print_json, say
from bridge.core.actions import said
from bridge.orders import Verb


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Asked:
    """What every verb takes."""

    reason: Annotated[str, Parameter(help="Why, for colleagues: the history keeps it. Readers do not see it.")] = ""
    revision: Annotated[
        int | None, Parameter(help="The revision that you saw: refuse if what matters has changed since.")
    ] = None
    key: Annotated[str, Parameter(help="A key of your own: an action with the same key is carried out once.")] = ""
    url: Url = DEFAULT_URL
    output: Output = Form.TEXT


_DEFAULT = Asked()
Id: TypeAlias = Annotated[str, Parameter(name="id", help="The incident's id, as the list shows it.")]
For: TypeAlias = Annotated[str | None, Parameter(name="--for", help="How long, such as 30m; until something ends it.")]
Alert: TypeAlias = Annotated[
    str, Parameter(help="The alert, by its fingerprint; as SOURCE@SENDER/FINGERPRINT if two have that.")
]


def hold(id_: Id, /, *, for_: For = None, asked: Asked = _DEFAULT) -> None:
    """Keep an incident from being opened, or opened again. What readers see already goes on."""
    _act(Verb.HOLD, id_, asked, **{"for": for_})


def release(id_: Id, /, *, asked: Asked = _DEFAULT) -> None:
    """End a hold."""
    _act(Verb.RELEASE, id_, asked)


def publish(
    id_: Id,
    /,
    *,
    quiet: Annotated[bool, Parameter(negative="", help="Without a mail to subscribers.")] = False,
    asked: Asked = _DEFAULT,
) -> None:
    """Publish an incident now, whatever withholds it but somebody else's incident."""
    _act(Verb.PUBLISH, id_, asked, quiet=quiet or None)


def dismiss(id_: Id, /, *, asked: Asked = _DEFAULT) -> None:
    """Do not publish this outage. Needs a reason. What fires anew after it is judged anew."""
    _act(Verb.DISMISS, id_, asked)


def say_(
    id_: Id,
    text: Annotated[str, Parameter(help="The words for readers.")],
    /,
    *,
    status: Annotated[str | None, Parameter(help="IDENTIFIED or MONITORING; as it stands, if left out.")] = None,
    notify: Annotated[bool, Parameter(negative="", help="With a mail to subscribers, if the budget allows.")] = False,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask.")] = False,
    asked: Asked = _DEFAULT,
) -> None:
    """Write an update for readers. Shows what they will see, and asks first."""
    words = said(text)
    if not words:
        raise CommandError("Nothing of the text can be published: links and marks are removed from it.", USAGE)
    if not yes:
        _confirm(words, status, notify=notify)
    _act(Verb.SAY, id_, asked, text=text, status=status, notify=notify or None)


def resolve(id_: Id, /, *, asked: Asked = _DEFAULT) -> None:
    """Post the end now. It stays so until all of its alerts have cleared."""
    _act(Verb.RESOLVE, id_, asked)


def mute(id_: Id, alert: Alert, /, *, for_: For = None, asked: Asked = _DEFAULT) -> None:
    """Do not count an alert, such as one that was silenced and whose end never comes."""
    _act(Verb.MUTE, id_, asked, alert=alert, **{"for": for_})


def unmute(id_: Id, alert: Alert, /, *, asked: Asked = _DEFAULT) -> None:
    """Count a muted alert again."""
    _act(Verb.UNMUTE, id_, asked, alert=alert)


def take_over(id_: Id, /, *, asked: Asked = _DEFAULT) -> None:
    """Write to this incident by hand: the bridge writes nothing more to it, not even its end."""
    _act(Verb.TAKE_OVER, id_, asked)


def hand_back(id_: Id, /, *, asked: Asked = _DEFAULT) -> None:
    """End a take-over: the bridge writes what is true then."""
    _act(Verb.HAND_BACK, id_, asked)


def retry(id_: Id, /, *, asked: Asked = _DEFAULT) -> None:
    """Try again now what waits, or what a page has refused."""
    _act(Verb.RETRY, id_, asked)


def _act(verb: Verb, id_: str, asked: Asked, **more: Any) -> None:
    key = asked.key or secrets.token_hex(16)
    fields = {"action": verb, "reason": asked.reason or None, "revision": asked.revision, "key": key, **more}
    body = {name: value for name, value in fields.items() if value is not None}
    try:
        found = post(asked.url, f"{incident_path(id_)}/actions", body)
    except NoAnswer as error:
        raise CommandError(f"{error}\nNobody knows whether it was stored. To try again: --key {key}") from error
    if asked.output is Form.JSON:
        print_json(found)
        return
    say(f"{verb}: stored")
    print_head(found)


def _confirm(words: str, status: str | None, *, notify: bool) -> None:
    say("Readers will see:", f"  {words}")
    say(f"  status: {status or 'as it stands'}, mail: {'yes, if the budget allows' if notify else 'no'}")
    if not sys.stdin.isatty():
        raise CommandError("There is nobody to ask whether to publish it: give --yes.", USAGE)
    say("Publish it? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandError("Not published.")
