"""`bridge explain` tells what would become of what real Alertmanagers have sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scenarios.vocabulary import command, write_configuration

CAPTURED = sorted((Path(__file__).parents[1] / "fixtures" / "alertmanager").glob("*.json"))


@pytest.mark.parametrize("capture", CAPTURED, ids=lambda path: path.stem)
def test_each_captured_payload_is_explained(capture, tmp_path):
    config = write_configuration(tmp_path / "bridge.yaml", routes=[{"name": "all", "services": ["checkout"]}])
    told = command("explain", "--config", config, "--source", "alertmanager", capture)
    assert (told.returncode, told.stderr) == (0, "")
    for words in ('- route "all"', "- severity ", "- services checkout: named by the route", "Reference: "):
        assert words in told.stdout

    as_json = command("explain", "--config", config, "--source", "alertmanager", capture, "--output", "json")
    assert as_json.returncode == 0
    for delivery in json.loads(as_json.stdout):
        assert [incident["route"] for incident in delivery["incidents"]] == ["all"]
        assert all(each["incident"] == delivery["incidents"][0]["id"] for each in delivery["alerts"])
