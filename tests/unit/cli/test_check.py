from __future__ import annotations

import json

import pytest

BROKEN = """\
version: 1
services: {checkout: Checkout}
severity: [{is: TERRIBLE}]
routes: [{name: all, services: [chekout]}]
"""


def test_a_right_configuration_is_summed_up(run, config):
    shown = run("check", config)
    assert shown.code == 0
    assert "3 routes, 2 services" in shown.out
    assert 'test-systems  env="test"   ignored' in shown.out
    assert "publish after 1m30s, resolve after 2m, one incident per region" in shown.out
    assert "service by label status_page" in shown.out


def test_the_summary_as_json(run, config):
    summary = json.loads(run("check", config, "--output", "json").out)
    assert summary["ok"] is True
    assert [route["ignore"] for route in summary["routes"]] == [True, False, False]
    assert summary["routes"][2]["services"] == {"label": "status_page"}


def test_every_problem_is_printed_with_its_place(run, config):
    config.write_text(BROKEN)
    shown = run("check", config)
    assert shown.code == 1
    lines = shown.out.splitlines()
    assert lines[-1] == "2 problems"
    assert lines[0].startswith(f"{config}:3:")
    assert lines[1].startswith(f"{config}:4:")
    assert 'did you mean "checkout"?' in lines[1]


def test_problems_as_json(run, config):
    config.write_text(BROKEN)
    shown = run("check", config, "--output", "json")
    found = json.loads(shown.out)
    assert (shown.code, found["ok"]) == (1, False)
    assert [problem["line"] for problem in found["problems"]] == [3, 4]


def test_a_missing_file_is_a_problem(run, tmp_path):
    shown = run("check", tmp_path / "none.yaml")
    assert shown.code == 1
    assert "No such file" in shown.out


@pytest.mark.usefixtures("environment")
def test_online_it_names_the_pages_that_show_each_service(run, config):
    shown = run("check", config, "--online")
    assert shown.code == 1
    assert "Account Acme: the key is accepted" in shown.out
    assert "Public (public), Internal (private)" in shown.out
    assert "Problem: service 'payments': no status page shows 'Payments'" in shown.out


@pytest.mark.usefixtures("environment")
def test_online_everything_can_be_right(run, config):
    config.write_text(config.read_text().replace("  payments: Payments\n", ""))
    shown = run("check", config, "--online", "--output", "json")
    found = json.loads(shown.out)
    assert (shown.code, found["ok"], found["problems"]) == (0, True, [])
    assert [page["name"] for page in found["reach"][0]["pages"]] == ["Public", "Internal"]


@pytest.mark.usefixtures("environment")
def test_online_a_service_that_is_not_there_is_told_with_what_is_near(run, config):
    config.write_text(config.read_text().replace("Payments", "Payment"))
    shown = run("check", config, "--online")
    assert shown.code == 1
    assert "did you mean 'Payments'?" in shown.out


def test_online_a_refused_key_is_explained(run, config, environment):
    environment.setenv("CHECKLY_API_KEY", "wrong")
    shown = run("check", config, "--online")
    assert shown.code == 1
    assert "refuses the key" in shown.err
    assert "wrong" not in shown.err


@pytest.mark.parametrize(
    ("variable", "value", "code", "problem"),
    [
        ("CHECKLY_API_KEY", "wrong", 1, "refuses the key"),
        ("CHECKLY_API_URL", "http://127.0.0.1:1", 1, "http://127.0.0.1:1 cannot be read"),
        ("CHECKLY_API_KEY", "", 2, "Set CHECKLY_API_KEY and CHECKLY_ACCOUNT_ID"),
    ],
)
def test_online_an_account_that_cannot_be_looked_at_is_json_too(
    run, config, environment, variable, value, code, problem
):
    environment.setenv(variable, value)
    shown = run("check", config, "--online", "--output", "json")
    found = json.loads(shown.out)
    assert (shown.code, shown.err, found["ok"]) == (code, "", False)
    assert problem in found["problems"][0]


def test_what_is_lost_without_a_reference_is_said(run, config):
    assert "Note:" not in run("check", config).out
    assert json.loads(run("check", config, "--output", "json").out)["notes"] == []
    config.write_text(config.read_text().replace("checkly: {", "checkly: {reference: false, "))
    shown = run("check", config)
    assert shown.code == 0
    assert "Note: checkly.reference is false" in shown.out
    (note,) = json.loads(run("check", config, "--output", "json").out)["notes"]
    assert "after a loss of Redis" in note


def test_online_needs_a_key(run, config, monkeypatch):
    monkeypatch.delenv("CHECKLY_API_KEY", raising=False)
    shown = run("check", config, "--online")
    assert shown.code == 2
    assert "Set CHECKLY_API_KEY and CHECKLY_ACCOUNT_ID" in shown.err


def test_online_a_checkly_out_of_reach_is_said(run, config, environment):
    environment.setenv("CHECKLY_API_URL", "http://127.0.0.1:1")
    shown = run("check", config, "--online")
    assert shown.code == 1
    assert "http://127.0.0.1:1 cannot be read" in shown.err
