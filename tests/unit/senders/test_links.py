"""Which addresses of senders an operator may be sent to."""

from __future__ import annotations

import pytest

from bridge.model import Link
from bridge.senders.links import base_link, page_link


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://alertmanager:9093", "http://alertmanager:9093"),
        ("https://example.com/alertmanager/", "https://example.com/alertmanager"),
        ("https://example.com/am?tenant=x#/alerts", "https://example.com/am"),
        ("http://[2001:db8::1]:9093/", "http://[2001:db8::1]:9093"),
    ],
)
def test_the_base_of_a_senders_pages_is_its_address_without_query_and_fragment(url, base):
    assert base_link(url) == Link(base)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "alertmanager:9093",
        "javascript:alert(1)",
        "ftp://example.com/",
        "//example.com",
        "http://",
        "http://user:password@example.com/",
        "http://user@example.com/",
        "http://example.com:99999/",
        "http://exa mple.com/",
        "http://example.com/\u202egnp.exe",
        "http://example.com/\r\nX: y",
        'http://example.com/"><script>',
        "http://[::1/",
        "http://example.com/" + "x" * 512,
    ],
)
def test_no_other_address_is_a_link(url):
    assert base_link(url) is None
    assert page_link(url) is None


def test_the_page_of_an_incident_is_a_base_and_what_is_its_own():
    assert page_link("https://acme.pagerduty.com/incidents/Q1?utm=x") == Link(
        "https://acme.pagerduty.com/incidents", "Q1"
    )


@pytest.mark.parametrize(
    "url",
    ["https://acme.pagerduty.com", "https://acme.pagerduty.com/" + "x" * 129, "https://e.com//x", "https://x/a//b"],
)
def test_what_has_no_short_part_of_its_own_is_no_page(url):
    assert page_link(url) is None
