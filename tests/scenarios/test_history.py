"""The audit's view: every outage is one row, also after the next one has begun, and after a person has intervened."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.scenarios.vocabulary import command, write_configuration
from tests.servers import eventually


@pytest.fixture
def config(tmp_path):
    """No outage is re-opened."""
    times = {"publish_after": "0", "resolve_after": "1s", "reopen_after": "0", "hold_refire": "0"}
    return write_configuration(tmp_path / "bridge.yaml", defaults=times)


def exported(bridge, form: str):
    result = command(
        *("history", "export", "-o", form, "--url", bridge.url), environment={"ADMIN_TOKENS": bridge.admin_token}
    )
    assert (result.returncode, result.stderr) == (0, "")
    if form == "json":
        return json.loads(result.stdout)
    return list(csv.DictReader(io.StringIO(result.stdout, newline="")))


def test_an_outage_that_is_over_and_the_one_that_goes_on_are_two_rows(bridge, outage, page):
    outage.fires(severity="critical")
    first = page.shows(status="INVESTIGATING")
    outage.ends()
    page.shows(status="RESOLVED")
    outage.fires()
    eventually(lambda: page.opened == 2, "the second outage")
    rows = {row["id"].rpartition(".")[2]: row for row in exported(bridge, "csv")}
    assert rows.keys() == {"1", "2"}
    over, current = rows["1"], rows["2"]
    assert (over["phase"], over["severity_max"], over["services"], over["mails"]) == (
        "RESOLVED",
        "CRITICAL",
        "checkout",
        "2",
    )
    assert over["remote_ids"] == f"v1={first.id}"
    assert over["starts_at"] <= over["public_at"] <= over["ends_at"] <= over["public_end_at"] <= current["starts_at"]
    assert float(over["publish_delay_seconds"]) < 5
    assert float(over["resolve_delay_seconds"]) >= 1
    assert (current["phase"], current["public_end_at"]) == ("INVESTIGATING", "")
    as_json = {row["id"]: row for row in exported(bridge, "json")}
    assert as_json[over["id"]]["remote_ids"] == {"v1": first.id}
    assert as_json[over["id"]]["publish_delay_seconds"] == float(over["publish_delay_seconds"])
