"""The laptop's Compose file: valid, and its parts know each other. No container engine is needed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft7Validator

from bridge.config.environment import Settings
from bridge.config.loader import load
from tests.deploy.files import DEPLOY, run

FOLDER = DEPLOY / "compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
ENVIRONMENT = SERVICES["bridge"]["environment"]


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def test_the_compose_file_follows_the_specification():
    schema = json.loads((DEPLOY.parent / "tests" / "deploy" / "compose-spec.json").read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(COMPOSE)] == []


def test_what_is_mounted_is_there():
    mounts = [mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())]
    assert len(mounts) > 5
    missing = [
        mount
        for mount in mounts
        if not ((FOLDER / mount).is_file() if mount.startswith(".") else mount in COMPOSE["volumes"])
    ]
    assert missing == []


def test_every_service_is_read_only_without_capabilities_and_published_on_this_machine_alone():
    for name, service in SERVICES.items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name


def test_the_environment_is_one_that_the_bridge_takes_and_names_its_neighbors():
    assert {name.lower() for name in ENVIRONMENT} <= set(Settings.__struct_fields__)
    settings = Settings.from_environment(ENVIRONMENT)
    assert settings.redis_url is not None
    assert urlsplit(settings.redis_url.reveal()).hostname in SERVICES
    assert urlsplit(settings.checkly_api_url).hostname in SERVICES


def test_the_bridge_has_the_key_and_the_services_of_the_simulated_account():
    account = read("account.yaml")
    assert ENVIRONMENT["CHECKLY_API_KEY"] == account["api_key"]
    assert ENVIRONMENT["CHECKLY_ACCOUNT_ID"] == account["id"]
    assert {each.display for each in load(FOLDER / "bridge.yaml").services.values()} <= set(account["services"])


def test_alertmanager_delivers_to_the_bridge_with_a_token_that_it_takes():
    (receiver,) = read("alertmanager.yaml")["receivers"]
    (webhook,) = receiver["webhook_configs"]
    url = urlsplit(webhook["url"])
    assert (url.hostname, url.port, url.path) == ("bridge", 8080, "/webhooks/alertmanager")
    assert webhook["http_config"]["authorization"]["credentials"] in ENVIRONMENT["ALERTMANAGER_TOKENS"].split(",")
    assert (webhook["max_alerts"], webhook["send_resolved"]) == (0, True)


def test_the_bridge_asks_the_alertmanager_beside_it_whose_watchdog_prometheus_raises():
    healing = load(FOLDER / "bridge.yaml").healing
    assert healing is not None
    (cluster,) = healing.alertmanagers
    assert [urlsplit(url).hostname in SERVICES for url in cluster.urls] == [True]
    rules = yaml.safe_load((DEPLOY / "monitoring" / "rules.yaml").read_text())["groups"]
    names = [{"alertname": rule["alert"]} for group in rules for rule in group["rules"]]
    assert [each for each in names if all(matcher.matches(each) for matcher in cluster.alive.matchers)]


def test_prometheus_scrapes_the_bridge_under_the_name_that_the_rules_expect():
    (scrape,) = read("prometheus.yaml")["scrape_configs"]
    assert scrape["job_name"] == "checkly-bridge"
    assert scrape["static_configs"][0]["targets"] == ["bridge:8080"]


@pytest.mark.needs("promtool")
def test_prometheus_takes_its_configuration():
    run("promtool", "check", "config", "--syntax-only", FOLDER / "prometheus.yaml")


@pytest.mark.needs("amtool")
def test_alertmanager_takes_its_configuration_and_sends_the_watchdog_to_the_bridge():
    file = FOLDER / "alertmanager.yaml"
    run("amtool", "check-config", file)
    assert run("amtool", "config", "routes", "test", f"--config.file={file}", "alertname=Watchdog").split() == [
        "bridge"
    ]
