"""``bridge check --online`` asks every Alertmanager, and says what it shows of our open alerts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.scenarios.vocabulary import command, write_configuration
from tests.servers import Alertmanager, eventually, free_ports

CLUSTER = {"name": "shop", "alive": {"match": "alertname = Watchdog"}}


@pytest.mark.needs("alertmanager")
def test_each_peer_is_asked_and_what_is_wrong_is_named(start_bridge, config, tmp_path):
    (nobody,) = free_ports(1)
    bridge = start_bridge()
    with Alertmanager(tmp_path / "am", webhook=bridge.webhook, token=bridge.alertmanager_token) as alertmanager:

        def check(*urls: str) -> tuple[int, str]:
            write_configuration(config, healing={"alertmanagers": [CLUSTER | {"urls": [*urls]}]})
            shown = command("check", config, "--online", environment=bridge.environment())
            return shown.returncode, shown.stdout

        alertmanager.alert(alertname="ErrorsHigh", team="shop", service="checkout", severity="warning")
        eventually(lambda: bridge.incidents()["incidents"], "the alert to arrive")
        code, shown = check(alertmanager.url)
        assert code == 1
        assert f"Problem: shop at {alertmanager.url}: shows no sign of life" in shown

        alertmanager.alert(alertname="Watchdog")

        def seen() -> Any:
            code, shown = check(alertmanager.url)
            said = "lists 2 alerts, shows a sign of life, 1 of them of our 1 open one"
            return code == 0 and re.search(rf"  shop  {alertmanager.url}  up \S+, {said}\n", shown)

        eventually(seen, "both alerts to be listed")
        code, shown = check(alertmanager.url, f"http://127.0.0.1:{nobody}")
        assert code == 1
        assert len(re.findall("^Problem: ", shown, re.MULTILINE)) == 1
        assert f"Problem: shop at http://127.0.0.1:{nobody}: unreachable: " in shown
