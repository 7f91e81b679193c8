"""The configuration file: every mistake is told at once, and none of them reaches a bridge that runs."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenarios.vocabulary import Outage, command, logged, metric, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = """\
version: 1
chekly: {api: v1}
services:
  checkout: Checkout
  payments: [[Payments]]
severity:
  - {match: 'severity ~ critical', is: CRITICAL}
  - {is: MINOR}
defaults: {resolve_after: 60}
routes:
  - name: shop
    match: 'team =~ "a(b"'
    services: [chekout]
    texts: {name: "Broken in {{ labels.region }}"}
  - name: shop
    services: [checkout]
"""
MISTAKES = {
    2: 'unknown key "chekly"',
    5: "services.payments",
    7: "severity[0].match",
    9: "defaults.resolve_after",
    12: "bad regular expression",
    13: 'unknown service "chekout"',
    14: 'the label "region" is not public',
    15: "routes[1].name",
}


def places(path: Path, lines: list[str]) -> dict[int, str]:
    """The mistakes by their line."""
    for line in lines:
        assert line.startswith(f"{path}:")
    return {int(line.removeprefix(f"{path}:").split(":")[0]): line for line in lines}


def assert_all_told(told: dict[int, str]) -> None:
    """Each mistake is there with its line, and no other."""
    assert told.keys() == MISTAKES.keys()
    for line, words in MISTAKES.items():
        assert words in told[line]


def test_check_lists_all_eight_mistakes_with_their_lines(tmp_path):
    path = tmp_path / "bridge.yaml"
    path.write_text(BROKEN)
    result = command("check", path)
    assert result.returncode == 1
    *mistakes, total = result.stdout.splitlines()
    assert total == "8 problems"
    assert_all_told(places(path, mistakes))


def test_the_example_to_copy_is_right(pytestconfig):
    result = command("check", pytestconfig.rootpath / "config" / "bridge.yaml")
    assert (result.returncode, result.stderr) == (0, "")


def test_a_running_bridge_keeps_the_old_one_until_the_file_is_right_again(bridge, outage, page, config):
    assert metric(bridge, "bridge_config_last_reload_successful") == 1
    config.write_text(BROKEN)
    (rejected,) = logged(bridge, "config_rejected")
    assert rejected["level"] == "error"
    assert_all_told(places(config, rejected["problems"]))
    assert metric(bridge, "bridge_config_last_reload_successful") == 0

    outage.fires()
    page.shows(status="INVESTIGATING", name="Issue affecting Checkout", services=("Checkout",))

    write_configuration(config, texts={"monitoring": "It looks good again."})
    logged(bridge, "config_loaded", times=2)
    assert metric(bridge, "bridge_config_last_reload_successful") == 1
    outage.ends()
    over = page.shows(status="RESOLVED")
    assert over.messages[1].text.startswith("It looks good again.")


def test_sighup_reads_the_file_again_at_once_even_if_it_is_the_same(bridge):
    bridge.signal(signal.SIGHUP)
    first, again = logged(bridge, "config_loaded", times=2)
    assert first["digest"] == again["digest"]


@pytest.fixture
def config_map(tmp_path):
    """A ConfigMap as Kubernetes mounts it: the file leads over a link to the directory of the version in force."""
    directory: Path = tmp_path / "mounted"
    directory.mkdir()
    path = directory / "bridge.yaml"
    path.symlink_to("..data/bridge.yaml")

    def publish(version: str, **changes: Any) -> Path:
        (directory / version).mkdir()
        write_configuration(directory / version / "bridge.yaml", **changes)
        (directory / "..data_tmp").symlink_to(version)
        (directory / "..data_tmp").rename(directory / "..data")
        return path

    return publish


def test_an_updated_config_map_takes_effect(start_bridge, page, config_map):
    bridge = start_bridge(config=config_map("..2026_01"))
    config_map("..2026_02", texts={"name": "Our shop is closed"})
    logged(bridge, "config_loaded", times=2)
    Outage(bridge).fires()
    page.shows(status="INVESTIGATING", name="Our shop is closed")


@pytest.mark.parametrize(
    "routes",
    [
        [{"name": "other", "match": "team = other", "services": ["search"]}],
        [{"name": "renamed", "match": "team = shop", "services": {"label": "service"}}],
        [{"name": "silence", "ignore": True}],
    ],
    ids=["removed", "renamed", "ignored"],
)
def test_an_open_incident_hears_its_resolve_though_its_route_is_gone(bridge, outage, page, config, routes):
    outage.fires()
    opened = page.shows(status="INVESTIGATING")
    write_configuration(config, routes=routes)
    logged(bridge, "config_loaded", times=2)
    outage.repeats()
    outage.ends()
    over = page.shows(id=opened.id, status="RESOLVED")
    assert over.statuses == ["INVESTIGATING", "MONITORING", "RESOLVED"]


def test_a_service_whose_key_is_renamed_in_the_middle_of_an_outage_is_named_once(bridge, outage, page, config):
    outage.fires("checkout")
    outage.fires("payments")
    page.shows(status="INVESTIGATING", services=("Checkout", "Payments"))
    write_configuration(config, services={"shop": "Checkout", "payments": "Payments", "search": "Search"})
    logged(bridge, "config_loaded", times=2)
    outage.fires("shop", severity="critical")
    page.shows(severity="CRITICAL")
    outage.ends()
    over = page.shows(status="RESOLVED")
    assert [message.text.count("Checkout") for message in over.messages] == [1] * len(over.messages)
    assert "affecting Checkout and Payments has been resolved" in over.messages[-1].text


def clocks(publish_after: str) -> dict[str, str]:
    return {"publish_after": publish_after, "resolve_after": "2s", "reopen_after": "60s", "hold_refire": "4s"}


def test_a_lower_publish_after_publishes_at_once_what_is_old_enough_by_it(bridge, outage, page, config):
    write_configuration(config, defaults=clocks("1h"))
    logged(bridge, "config_loaded", times=2)
    outage.fires()
    eventually(lambda: metric(bridge, "bridge_incidents", phase="PENDING") == 1, "it to be put away")
    write_configuration(config, defaults=clocks("0"))
    page.shows(status="INVESTIGATING")


def test_a_replica_that_reads_the_file_later_keeps_nothing_by_the_old_one(start_bridge, tmp_path, page):
    """What it still decided by that, it looks at anew."""
    files = [write_configuration(tmp_path / f"{name}.yaml", defaults=clocks("1h")) for name in ("first", "second")]
    first, second = [start_bridge(config=file) for file in files]
    Outage(first).fires()
    eventually(lambda: metric(first, "bridge_incidents", phase="PENDING") == 1, "it to be put away")
    write_configuration(files[0], defaults=clocks("0"))
    logged(first, "config_loaded", times=2)
    Outage(second).fires(region="eu")
    write_configuration(files[1], defaults=clocks("0"))
    page.shows(status="INVESTIGATING")
