"""Senders with names in their paths: who they are, who may, and what metrics call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from bridge import telemetry
from bridge.config.loader import load
from bridge.web.sender_keys import SenderKeys
from tests.unit.senders.pagerduty.fixtures import BODIES
from tests.unit.web.application import CONFIG, PAGERDUTY, SECRET, TOKEN, WEBHOOK, Bridge, assert_refused

if TYPE_CHECKING:
    from pathlib import Path

FIRING = {"alerts": [{"status": "firing", "labels": {"service": "checkout"}}]}
TRIGGERED = BODIES["incident-triggered"]
LISTED = """
senders:
  alertmanager: {eu: {credentials: EU_TOKENS}, us: {}}
  pagerduty: {eu: {credentials: EU_SECRETS}}
"""
ENVIRONMENT = {"EU_TOKENS": "eu-token, eu:pair", "EU_SECRETS": "eu-secret"}


def start(tmp_path: Path, senders: str = LISTED, environment: Mapping[str, str] = ENVIRONMENT) -> Bridge:
    """A bridge whose senders have what the environment gives them."""
    bridge = Bridge(tmp_path, config=CONFIG + senders)
    SenderKeys(bridge.senders, environment).apply(bridge.current)
    return bridge


@pytest.mark.parametrize("name", ["eu", "EU-west_1", "x" * 64, "0"])
async def test_any_name_may_come_with_the_plain_credentials(tmp_path, name):
    bridge = Bridge(tmp_path)
    assert (await bridge.send(FIRING, path=f"{WEBHOOK}/{name}")).status_code == 202
    (alert, routed) = bridge.store.items[0]
    assert (alert.sender, alert.labels["__sender__"]) == (name, name)
    assert routed is not None
    assert (await bridge.page(TRIGGERED, path=f"{PAGERDUTY}/{name}")).status_code == 202


@pytest.mark.parametrize("name", ["x" * 65, "a.b", "a b", "grün", "a/b", "eu/", "%00", "a%0a"])
async def test_what_is_no_name_is_not_found_with_what_would_be_one(tmp_path, name):
    bridge = Bridge(tmp_path)
    for answer in (
        await bridge.send(FIRING, path=f"{WEBHOOK}/{name}", token="wrong"),
        await bridge.page(TRIGGERED, path=f"{PAGERDUTY}/{name}"),
    ):
        assert_refused(answer, 404, "unknown_sender")
        assert "expected 1 to 64 letters, digits, - and _" in answer.json()["message"]
    assert not bridge.store.items


async def test_a_path_with_a_name_takes_the_same_methods_as_one_without(tmp_path):
    bridge = Bridge(tmp_path)
    assert_refused(await bridge.send(FIRING, path=f"{WEBHOOK}/eu", method="GET"), 405, "method_not_allowed")
    assert_refused(await bridge.page(TRIGGERED, path=f"{PAGERDUTY}/eu", method="GET"), 405, "method_not_allowed")


async def test_only_listed_senders_where_the_configuration_says_so(tmp_path):
    bridge = start(tmp_path, LISTED + "  only_listed: true\n")
    assert (await bridge.send(FIRING, path=f"{WEBHOOK}/us")).status_code == 202
    assert (await bridge.send(FIRING)).status_code == 202
    assert_refused(await bridge.send(FIRING, path=f"{WEBHOOK}/ap"), 404, "unknown_sender")
    assert_refused(await bridge.page(TRIGGERED, path=f"{PAGERDUTY}/us"), 404, "unknown_sender")


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/eu", "eu-token", 202),
        ("/eu", TOKEN, 401),
        ("/eu", "", 401),
        ("/us", TOKEN, 202),
        ("/us", "eu-token", 401),
        ("", TOKEN, 202),
        ("", "eu-token", 401),
        ("/EU", TOKEN, 202),
    ],
)
async def test_credentials_of_ones_own_are_the_only_ones_and_nobody_elses(tmp_path, path, token, status):
    bridge = start(tmp_path)
    answer = await bridge.send(FIRING, path=WEBHOOK + path, token=token)
    assert answer.status_code == status
    assert status != 401 or ("EU_TOKENS" in answer.json()["message"]) == (path == "/eu")


@pytest.mark.parametrize(
    ("path", "secret", "status"),
    [
        ("/eu", "eu-secret", 202),
        ("/eu", SECRET, 401),
        ("/us", SECRET, 202),
        ("/us", "eu-secret", 401),
        ("", SECRET, 202),
    ],
)
async def test_a_named_sender_has_signing_secrets_of_its_own(tmp_path, path, secret, status):
    bridge = start(tmp_path)
    assert (await bridge.page(TRIGGERED, path=PAGERDUTY + path, secret=secret)).status_code == status


@pytest.mark.parametrize("environment", [{}, {"EU_TOKENS": " , "}, {"EU_TOKENS_FILE": "/nowhere/tokens"}], ids=str)
async def test_credentials_that_are_named_but_not_there_are_asked_for_at_the_start_and_503(tmp_path, environment):
    with capture_logs() as lines:
        bridge = start(tmp_path, environment={"EU_SECRETS": "x"} | environment)
    (line,) = lines
    assert (line["event"], line["source"], line["sender"]) == ("credentials_missing", "alertmanager", "eu")
    assert "EU_TOKENS" in line["message"]
    for token in (TOKEN, ""):
        assert_refused(await bridge.send(FIRING, path=f"{WEBHOOK}/eu", token=token), 503, "no_credentials")
    assert (await bridge.send(FIRING, path=f"{WEBHOOK}/us")).status_code == 202


async def test_credentials_may_stand_in_a_file_and_are_read_anew_with_the_configuration(tmp_path):
    file = tmp_path / "tokens"
    file.write_text("first\n")
    bridge = Bridge(tmp_path, config=CONFIG + LISTED)
    keys = SenderKeys(bridge.senders, {"EU_TOKENS_FILE": str(file)})
    keys.apply(bridge.current)
    assert (await bridge.send(FIRING, path=f"{WEBHOOK}/eu", token="first")).status_code == 202
    file.write_text("second\n")
    keys.apply(bridge.current)
    assert (await bridge.send(FIRING, path=f"{WEBHOOK}/eu", token="first")).status_code == 401
    assert (await bridge.send(FIRING, path=f"{WEBHOOK}/eu", token="second")).status_code == 202
    (tmp_path / "bridge.yaml").write_text(CONFIG)
    keys.apply(load(tmp_path / "bridge.yaml"))
    assert (await bridge.send(FIRING, path=f"{WEBHOOK}/eu")).status_code == 202


async def test_metrics_carry_listed_names_and_call_all_others_other(tmp_path):
    def counted(sender: str, code: str = "202") -> float:
        labels = {"source": "alertmanager", "sender": sender, "code": code}
        return telemetry.REGISTRY.get_sample_value("bridge_deliveries_total", labels) or 0

    bridge = start(tmp_path)
    before = {sender: counted(sender) for sender in ("", "us", "other", "ap", "x.y")}
    not_found = counted("other", "404")
    for path in ("", "/us", "/us", "/ap", "/ap2", "/x.y"):
        await bridge.send(FIRING, path=WEBHOOK + path)
    after = {sender: counted(sender) - count for sender, count in before.items()}
    assert after == {"": 1, "us": 2, "other": 2, "ap": 0, "x.y": 0}
    assert counted("other", "404") == not_found + 1


async def test_the_log_names_the_sender_but_not_what_is_no_name(tmp_path):
    bridge = start(tmp_path)
    with capture_logs() as lines:
        await bridge.send(FIRING, path=f"{WEBHOOK}/ap")
        await bridge.send(FIRING, path=f"{WEBHOOK}/quokka!")
    assert [line["sender"] for line in lines] == ["ap", "?"]
    assert "quokka" not in str(lines)


async def test_a_sender_with_a_name_can_be_routed_by_it(tmp_path):
    route = "  - {name: eu, match: '__sender__ = eu', services: [checkout]}\n"
    bridge = Bridge(tmp_path, config=CONFIG.replace("routes:\n", f"routes:\n{route}"))
    for path in ("/eu", "/us", ""):
        await bridge.send(FIRING, path=WEBHOOK + path)
    assert [routed and routed.route for _, routed in bridge.store.items] == ["eu", "checkout", "checkout"]
