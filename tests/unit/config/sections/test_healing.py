"""The section `healing`: what it becomes, and each mistake with its place."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.config.healing import Alive, Cluster, Healing, PagerDutyHealing
from bridge.config.matchers import parse

BASE = """\
version: 1
services: {checkout: Checkout}
routes: [{name: all, services: [checkout]}]
"""
ONE = """\
healing:
  alertmanagers:
    - name: eu
      urls: [http://am-0:9093, http://am-1:9093/]
      alive: {match: alertname = Watchdog}
"""


def section(**changed: str) -> str:
    """One cluster, with keys of it added or replaced."""
    keys = {"name": "eu", "urls": "[http://am-0:9093]", "alive": "{match: alertname = Watchdog}", **changed}
    lines = [f"      {key}: {value}" for key, value in keys.items() if value]
    return BASE + "healing:\n  alertmanagers:\n    -\n" + "\n".join(lines) + "\n"


def test_without_the_section_there_is_no_healing(load_text):
    assert load_text(BASE).healing is None


def test_a_cluster_needs_a_name_peers_and_a_sign_of_life(load_text):
    healing = load_text(BASE + ONE).healing
    assert healing.alertmanagers == (
        Cluster(
            name="eu",
            urls=("http://am-0:9093", "http://am-1:9093"),
            alive=Alive(matchers=parse("alertname = Watchdog")),
        ),
    )
    assert (healing.interval_ms, healing.absent_for_ms, healing.min_uptime_ms) == (60_000, 600_000, 900_000)
    assert (healing.silenced, healing.inhibited, healing.missed, healing.mode) == (
        "firing",
        "firing",
        "report",
        "close",
    )


def test_every_key_of_the_section_is_read(load_text):
    text = """\
healing:
  alertmanagers:
    - name: eu
      urls: [https://mimir/alertmanager]
      match: [__sender__ = eu, severity != info]
      alive: {match: alertname = Watchdog, same: [prometheus]}
      receiver: checkly-bridge
      credentials: EU_ALERTMANAGER
      headers: {X-Scope-OrgID: shop}
      tls: {ca: /tls/ca, cert: /tls/cert, key: /tls/key}
  interval: 5s
  absent_for: 15s
  min_uptime: 20s
  silenced: clear
  inhibited: clear
  missed: take
  mode: observe
  pagerduty: [{sender: default, credentials: PAGERDUTY_API_TOKEN, region: eu, interval: 1m, subscription: PXYZ}]
"""
    healing = load_text(BASE + text).healing
    assert healing == Healing(
        section=healing.section,
        alertmanagers=(
            Cluster(
                name="eu",
                urls=("https://mimir/alertmanager",),
                matchers=parse("__sender__ = eu, severity != info"),
                alive=Alive(matchers=parse("alertname = Watchdog"), same=("prometheus",)),
                receiver="checkly-bridge",
                credentials="EU_ALERTMANAGER",
                headers={"X-Scope-OrgID": "shop"},
                ca="/tls/ca",
                cert="/tls/cert",
                key="/tls/key",
            ),
        ),
        pagerduty=(
            PagerDutyHealing(
                sender="", credentials="PAGERDUTY_API_TOKEN", region="eu", interval_ms=60_000, subscription="PXYZ"
            ),
        ),
        interval_ms=5_000,
        absent_for_ms=15_000,
        min_uptime_ms=20_000,
        silenced="clear",
        inhibited="clear",
        missed="take",
        mode="observe",
    )
    assert len(healing.section) == 12


def test_the_hash_is_that_of_what_the_section_says(load_text):
    one = load_text(BASE + ONE).healing.section
    assert load_text("# a comment\n" + BASE + ONE).healing.section == one
    assert load_text(BASE + ONE + "  mode: observe\n").healing.section != one


def test_default_is_the_path_without_a_name_unless_a_sender_is_called_so(load_text):
    text = BASE + "healing: {pagerduty: [{credentials: API_TOKEN}]}\n"
    assert load_text(text).healing.pagerduty[0].sender == ""
    assert load_text(text + "senders: {pagerduty: {default: {}}}\n").healing.pagerduty[0].sender == "default"


@pytest.mark.parametrize(
    ("changed", "path", "message"),
    [
        ({"name": ""}, "healing.alertmanagers[0]", "name"),
        ({"name": "e u"}, "healing.alertmanagers[0].name", "no name for a cluster"),
        ({"name": "pagerduty"}, "healing.alertmanagers[0].name", "no name for a cluster"),
        ({"urls": "[]"}, "healing.alertmanagers[0].urls", "names no peer"),
        ({"urls": "[am-0]"}, "healing.alertmanagers[0].urls[0]", "not the address"),
        ({"urls": "['http://a?b=1']"}, "healing.alertmanagers[0].urls[0]", "not the address"),
        ({"urls": "['http://u:p@a']"}, "healing.alertmanagers[0].urls[0]", "credentials"),
        ({"urls": "['http://a/api/v2/alerts']"}, "healing.alertmanagers[0].urls[0]", "too far"),
        ({"urls": "['http://a', 'http://a/']"}, "healing.alertmanagers[0].urls", "twice"),
        ({"alive": ""}, "healing.alertmanagers[0]", "alive"),
        ({"alive": "{same: [a]}"}, "healing.alertmanagers[0].alive", "match"),
        ({"match": "x"}, "healing.alertmanagers[0].match", "unexpected end"),
        ({"credentials": "not a variable"}, "healing.alertmanagers[0].credentials", "not the name of an environment"),
        ({"credentials": "A_FILE"}, "healing.alertmanagers[0].credentials", "name a file"),
        ({"credentials": "CHECKLY_API_KEY"}, "healing.alertmanagers[0].credentials", "something else"),
        ({"headers": "{Authorization: x}"}, "healing.alertmanagers[0].headers.Authorization", "a secret"),
        ({"headers": "{'a b': x}"}, "healing.alertmanagers[0].headers.a b", "name of a header"),
        ({"headers": "{A: 'ä'}"}, "healing.alertmanagers[0].headers.A", "value of a header"),
        ({"tls": "{key: k}"}, "healing.alertmanagers[0].tls", "cert"),
    ],
)
def test_a_mistake_in_a_cluster_is_told_with_its_place(
    problems_of: Any, changed: dict[str, str], path: str, message: str
):
    (problem,) = problems_of(section(**changed))
    assert problem.path == path
    assert message in problem.message


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ("absent_for: 2m", "healing.absent_for"),
        ("interval: 2m1s", "healing.interval"),
        ("interval: 0", "healing.interval"),
        ("silenced: over", "healing.silenced"),
        ("mode: off", "healing.mode"),
        ("pagerduty: [{}]", "healing.pagerduty[0]"),
        ("pagerduty: [{credentials: A, region: asia}]", "healing.pagerduty[0].region"),
        ("pagerduty: [{credentials: A, interval: 10ms}]", "healing.pagerduty[0].interval"),
        ("pagerduty: [{credentials: A, subscription: 'a b'}]", "healing.pagerduty[0].subscription"),
        ("pagerduty: [{credentials: A}, {credentials: B}]", "healing.pagerduty[1]"),
    ],
)
def test_a_mistake_in_the_section_is_told_with_its_place(problems_of: Any, lines: str, path: str):
    assert path in {each.path for each in problems_of(BASE + ONE + f"  {lines}\n")}


def test_several_clusters_need_to_be_told_apart(problems_of: Any):
    (problem,) = problems_of(
        BASE
        + ONE
        + "    - {name: us, urls: [http://b], match: __sender__ = us, alive: {match: alertname = Watchdog}}\n"
    )
    assert problem.path == "healing.alertmanagers[0]"
    twice = BASE + ONE + "    - {name: eu, urls: [http://b], match: a = b, alive: {match: alertname = Watchdog}}\n"
    assert any("same name" in each.message for each in problems_of(twice))


def test_what_is_short_is_noted(load_text):
    assert not load_text(BASE + ONE).notes
    (note,) = load_text(BASE + ONE + "  absent_for: 4m\n").notes
    assert (note.path, note.line) == ("healing.absent_for", 9)
    assert "5m" in note.message
