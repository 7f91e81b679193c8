from __future__ import annotations

import json

import pytest
import yaml

from bridge.checkly.services import RemoteService
from bridge.cli.services import _lines


@pytest.mark.usefixtures("environment")
def test_the_block_can_be_pasted(run, config):
    shown = run("services")
    assert shown.code == 0
    assert yaml.safe_load(shown.out) == {
        "services": {"checkout": "Checkout", "payments": "Payments", "yes": "Yes", "mlaut-api": "Ümlaut: API"}
    }
    assert "checkout: Checkout  # shown on Public, Internal (private)" in shown.out
    assert "payments: Payments  # on no page: nobody would see it" in shown.out
    config.write_text(shown.out + "version: 1\nseverity: [{is: MINOR}]\nroutes: [{name: all, services: [checkout]}]\n")
    assert run("check", config).code == 0


@pytest.mark.usefixtures("environment")
def test_as_json(run):
    found = json.loads(run("services", "--output", "json").out)
    assert [service["name"] for service in found] == ["Checkout", "Payments", "Yes", "Ümlaut: API"]
    assert [(page["name"], page["private"]) for page in found[0]["pages"]] == [("Public", False), ("Internal", True)]


def test_services_of_one_name_are_told_apart_by_id():
    twins = [RemoteService(id=f"{digit}0000000-0", name="Twin", account_id="a") for digit in "12"]
    assert _lines(twins) == ["twin: {id: 10000000-0}", "twin-20000000: {id: 20000000-0}"]
