"""The ``senders`` section."""

from __future__ import annotations

import pytest

from bridge.config.senders import NamedSender, Senders

REST = """\
version: 1
services: {a: A}
routes: [{name: a, services: [a]}]
"""


def test_without_the_section_no_sender_is_listed(load_text):
    for text in (REST, REST + "senders: {}\n", REST + "senders: {alertmanager: {}, only_listed: false}\n"):
        senders = load_text(text).senders
        assert not senders.of("alertmanager")
        assert not senders.of("pagerduty")
        assert not senders.only_listed


def test_each_key_of_senders_is_read(load_text):
    text = """\
senders:
  alertmanager:
    eu: {credentials: EU_ALERTMANAGER_TOKENS}
    us-1_b: {}
  pagerduty:
    eu: {credentials: eu_secrets}
  only_listed: true
"""
    assert load_text(REST + text).senders == Senders(
        listed={
            "alertmanager": {"eu": NamedSender(credentials="EU_ALERTMANAGER_TOKENS"), "us-1_b": NamedSender()},
            "pagerduty": {"eu": NamedSender(credentials="eu_secrets")},
        },
        only_listed=True,
    )


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "{grafana: {}}",
            'senders.grafana: unknown key "grafana"; expected one of alertmanager, pagerduty, only_listed',
        ),
        ("{alertmanager: [eu]}", "senders.alertmanager: found a list; expected a mapping from the senders' names"),
        ("{alertmanager: {eu: EU_TOKENS}}", "senders.alertmanager.eu: found the text"),
        ("{alertmanager: {a b: {}}}", '"a b" is no name for a sender; expected 1 to 64 letters, digits, - and _'),
        (f"{{pagerduty: {{{'x' * 65}: {{}}}}}}", "is no name for a sender"),
        ("{pagerduty: {grün: {}}}", "is no name for a sender"),
        ("{pagerduty: {other: {}}}", 'metrics use "other" for senders that are not listed'),
        ("{alertmanager: {eu: {token: x}}}", 'unknown key "token"; expected credentials'),
        ("{alertmanager: {eu: {credentials: hunter-2}}}", "not the name of an environment variable"),
        ("{alertmanager: {eu: {credentials: EU_FILE}}}", "EU_FILE would name a file; expected EU"),
        ("{alertmanager: {eu: {credentials: ALERTMANAGER_TOKENS}}}", "senders that have none of their own"),
        ("{alertmanager: {eu: {credentials: PAGERDUTY_SIGNING_SECRETS}}}", "is there for something else"),
        ("{pagerduty: {eu: {credentials: CHECKLY_API_KEY}}}", "CHECKLY_API_KEY is there for something else"),
        ("{only_listed: 1}", "senders.only_listed: found the number"),
    ],
)
def test_all_mistakes_in_senders_are_found(problems_of, section, message):
    (problem,) = problems_of(REST + f"senders: {section}\n")
    assert message in str(problem)
    assert (problem.line, "hunter" in str(problem)) == (4, False)
