from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.servers import Sandbox
from tests.servers.process import eventually


def test_it_serves_pages_for_the_services_of_its_options(tmp_path):
    with Sandbox(tmp_path, services=["Alpha", "Beta"]) as sandbox:
        assert [service["name"] for service in sandbox.control("GET", "state")["services"]] == ["Alpha", "Beta"]
        assert httpx.get(f"{sandbox.url}/").status_code == 200
        assert f"CHECKLY_API_URL={sandbox.url} CHECKLY_API_KEY=sandbox" in sandbox.output
        assert sandbox.account_id in sandbox.output


def test_without_options_it_has_a_sample_account(tmp_path):
    with Sandbox(tmp_path) as sandbox:
        assert sandbox.control("GET", "state")["account"]["name"] == "Acme"


def test_a_call_that_a_fault_delays_does_not_delay_the_end(tmp_path):
    with Sandbox(tmp_path) as sandbox, ThreadPoolExecutor() as caller:
        fault = {"kind": "delay", "method": "GET", "path": "**", "ms": 600_000}
        httpx.post(f"{sandbox.url}/sandbox/faults", json=fault).raise_for_status()
        call = caller.submit(httpx.get, f"{sandbox.url}/v1/accounts/me", timeout=60)
        eventually(lambda: sandbox.control("GET", "calls"), "the call has come")
        assert sandbox.stop() is not None  # in time: else stop() raises
        assert isinstance(call.exception(), httpx.TransportError) or call.result().is_server_error


def test_an_account_and_services_exclude_each_other(run, tmp_path):
    assert run("sandbox", "--account", tmp_path / "a.yaml", "--service", "A").code == 2


def test_an_account_file_that_is_not_there_is_named(run):
    shown = run("sandbox", "--account", "/nope")
    assert (shown.code, shown.err) == (1, "/nope cannot be read: No such file or directory\n")


def test_a_bad_account_file_is_named(run, tmp_path):
    bad = tmp_path / "a.yaml"
    bad.write_text("services: 3\n")
    shown = run("sandbox", "--account", bad)
    assert shown.code == 1
    assert str(bad) in shown.err
