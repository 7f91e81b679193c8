"""Reading the ``healing`` section: who is asked about alerts that nobody resolved, and what their answers are worth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bridge.config.content_hash import content_hash
from bridge.config.healing import LEAST_ROUNDS, REGIONS, SHORT_ABSENCE_MS, Alive, Cluster, Healing, PagerDutyHealing
from bridge.config.network import is_http_url
from bridge.config.problems import Problem
from bridge.config.sections.routes import read_match
from bridge.config.sections.senders import DEFAULT_VARIABLES, SENDER_NAME, SENDER_NAME_WORDS, TAKEN, VARIABLE
from bridge.config.settings import keys_of, read_keys
from bridge.config.units import format_duration
from bridge.config.yaml_node import Value, read

if TYPE_CHECKING:
    from bridge.config.senders import Senders

PAGERDUTY: Final = "pagerduty"
DEFAULT_SENDER: Final = "default"
CLUSTER_KEYS: Final = ("name", "urls", "match", "alive", "receiver", "credentials", "headers", "tls")
PAGERDUTY_KEYS: Final = ("sender", "credentials", "region", "interval", "subscription")
TLS_KEYS: Final = ("ca", "cert", "key")
HEADER_NAME: Final = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
SUBSCRIPTION: Final = "[A-Za-z0-9]{1,64}"
_KEYS: Final = ("alertmanagers", *keys_of(Healing), PAGERDUTY)
_URL_WORDS = "the address before /api/v2, such as http://alertmanager-0:9093"
_SECOND_MS = 1_000


def read_healing(value: Value, senders: Senders) -> Healing:
    """The section, with the defaults where it says nothing."""
    fields = value.fields(_KEYS)
    found = read_keys(
        fields,
        Healing(
            section=content_hash(value.node),
            alertmanagers=read(fields, "alertmanagers", _read_clusters, ()),
            pagerduty=read(fields, PAGERDUTY, lambda each: _read_accounts(each, senders), ()),
        ),
    )
    place = fields.get("absent_for") or fields.get("interval") or value
    if found.absent_for_ms < LEAST_ROUNDS * found.interval_ms:
        least = format_duration(LEAST_ROUNDS * found.interval_ms)
        place.problem("too short for three rounds in a row", expected=f"at least three times interval, {least}")
    return found


def haste(value: Value, healing: Healing, file: str) -> list[Problem]:
    """A note on an ``absent_for`` that is valid, but short."""
    place = value.fields(_KEYS).get("absent_for")
    if place is None or healing.absent_for_ms >= SHORT_ABSENCE_MS:
        return []
    message = f"less than {format_duration(SHORT_ABSENCE_MS)} makes it likely that an alert is closed which fires on"
    column = int(place.node.start_mark.column) + 1
    return [Problem(file=file, line=place.line, column=column, path=place.path, message=message)]


def _read_clusters(value: Value) -> tuple[Cluster, ...]:
    found: list[Cluster] = []
    items = value.items("a list of clusters, each with a name, urls and alive")
    for item in items:
        cluster = _read_cluster(item)
        if any(each.name == cluster.name for each in found):
            item.problem("another cluster has the same name", expected="a name of its own")
        if len(items) > 1 and not cluster.matchers and item.is_mapping() and not item.has_any(("match",)):
            item.missing(
                "match", expected="which alerts are this cluster's, such as __sender__ = eu: there are several"
            )
        found.append(cluster)
    return tuple(found)


def _read_cluster(item: Value) -> Cluster:
    fields = item.fields(CLUSTER_KEYS, required=("name", "urls", "alive"))
    tls: dict[str, str | None] = read(fields, "tls", _read_tls, {})
    return Cluster(
        name=read(fields, "name", _read_name, ""),
        urls=read(fields, "urls", _read_urls, ()),
        matchers=(read_match(fields) or ()) if fields else (),
        alive=read(fields, "alive", _read_alive, Alive(matchers=())),
        receiver=read(fields, "receiver", Value.text, ""),
        credentials=read(fields, "credentials", _read_variable, None),
        headers=read(fields, "headers", _read_headers, {}),
        **tls,
    )


def _read_name(value: Value) -> str | None:
    name = value.text(SENDER_NAME_WORDS)
    if name is not None and (not SENDER_NAME.fullmatch(name) or name == PAGERDUTY):
        value.problem(f'"{name}" is no name for a cluster', expected=SENDER_NAME_WORDS)
        return None
    return name


def _read_urls(value: Value) -> tuple[str, ...]:
    names = value.names("a list of the addresses of all peers of one cluster")
    if value.is_list() and not names:
        value.problem("the list names no peer", expected="every peer of the cluster")
    found = []
    for text, item in names.items():
        parts = urlsplit(text) if is_http_url(text) else None
        if parts is None or parts.query or parts.fragment:
            item.problem("not the address of a peer", expected=_URL_WORDS)
        elif parts.username is not None or parts.password is not None:
            item.problem("credentials in an address end up in logs", expected="credentials: the name of a variable")
        elif re.search(r"/api/v2(/|$)", parts.path):
            item.problem("the address goes too far", expected=_URL_WORDS)
        found.append(text.rstrip("/"))
    if len(set(found)) < len(found):
        value.problem("one peer is named twice", expected="each peer once")
    return tuple(dict.fromkeys(found))


def _read_alive(value: Value) -> Alive:
    fields = value.fields(("match", "same"), required=("match",))
    same = read(fields, "same", lambda each: tuple(each.names("a list of label names")), ())
    return Alive(matchers=(read_match(fields) or ()) if fields else (), same=same)


def _read_tls(value: Value) -> dict[str, str | None]:
    fields = value.fields(TLS_KEYS)
    if "key" in fields and "cert" not in fields:
        value.missing("cert", expected="the certificate that the key belongs to")
    return {key: read(fields, key, Value.text, None) for key in fields}


def _read_headers(value: Value) -> dict[str, str]:
    found = {}
    for name, item in value.entries("a mapping from headers to their values").items():
        text = item.text("a text")
        if not re.fullmatch(HEADER_NAME, name):
            item.problem("not the name of a header", expected="a name such as X-Scope-OrgID")
        elif name.lower() == "authorization":
            item.problem("a secret does not belong into this file", expected="credentials: the name of a variable")
        elif text is not None and not re.fullmatch("[ -~]*", text):
            item.problem("not the value of a header", expected="printable ASCII")
        elif text is not None:
            found[name] = text
    return found


def _read_variable(value: Value) -> str | None:
    expected = "the name of an environment variable that holds them, such as EU_ALERTMANAGER"
    name = value.text(expected)
    if name is None:
        return None
    if not VARIABLE.fullmatch(name):
        value.problem("not the name of an environment variable", expected=expected)  # it may be a secret: unsaid
    elif name.endswith("_FILE"):
        value.problem(f"{name} would name a file", expected=f"{name.removesuffix('_FILE')}, which is looked for there")
    elif name in TAKEN or name in DEFAULT_VARIABLES.values():
        value.problem(f"{name} is there for something else", expected=expected)
    else:
        return name
    return None


def _read_accounts(value: Value, senders: Senders) -> tuple[PagerDutyHealing, ...]:
    found: list[PagerDutyHealing] = []
    for item in value.items("a list of PagerDuty accounts, each with credentials"):
        account = _read_account(item, senders)
        if any(each.sender == account.sender for each in found):
            item.problem("another account is for the same sender", expected="one account for each sender")
        found.append(account)
    return tuple(found)


def _read_account(item: Value, senders: Senders) -> PagerDutyHealing:
    fields: Mapping[str, Value] = item.fields(PAGERDUTY_KEYS, required=("credentials",))
    base = PagerDutyHealing(credentials="")
    sender = read(fields, "sender", _read_sender, DEFAULT_SENDER)
    is_unnamed = sender == DEFAULT_SENDER and DEFAULT_SENDER not in senders.of(PAGERDUTY)
    return PagerDutyHealing(
        sender="" if is_unnamed else sender,
        credentials=read(fields, "credentials", _read_variable, ""),
        region=read(fields, "region", lambda value: value.choice(REGIONS), base.region),
        interval_ms=read(fields, "interval", lambda value: value.duration_ms(_SECOND_MS), base.interval_ms),
        subscription=read(fields, "subscription", _read_subscription, ""),
    )


def _read_sender(value: Value) -> str | None:
    expected = f"{DEFAULT_SENDER} for the path without a name, or {SENDER_NAME_WORDS}"
    return _matching(value, SENDER_NAME, "not the name of a sender", expected)


def _read_subscription(value: Value) -> str | None:
    expected = "the id of a webhook subscription, such as PXYZ123"
    return _matching(value, re.compile(SUBSCRIPTION), "not the id of a subscription", expected)


def _matching(value: Value, pattern: re.Pattern[str], message: str, expected: str) -> str | None:
    text = value.text(expected)
    if text is not None and not pattern.fullmatch(text):
        value.problem(message, expected=expected)
        return None
    return text
