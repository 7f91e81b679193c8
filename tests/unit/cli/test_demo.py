from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.servers import eventually

pytestmark = pytest.mark.needs("valkey-server")


def test_it_plays_an_outage_to_its_end():
    command = [sys.executable, "-m", "bridge", "demo", "--oneshot"]
    played = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    timeline = played.stdout.partition("The incident as readers see it: ")[2].splitlines()
    assert timeline[0] == "Problems in the shop (eu-west-1)"
    updates = [line.split()[1:3] for line in timeline[1:6]]
    assert [status for status, _ in updates] == [*["INVESTIGATING"] * 3, "MONITORING", "RESOLVED"]
    assert [mailed == "mailed" for _, mailed in updates] == [True, False, False, False, True]
    assert timeline[6] == "  in the end RESOLVED: severity CRITICAL, services Checkout, Payments"
    assert played.stdout.count("incident-updates") == 4


def test_it_reaches_no_account_of_the_users_and_leaves_nothing_running(tmp_path):
    users = {
        "CHECKLY_API_URL": "https://checkly.invalid",
        "REDIS_URL": "redis://redis.invalid",
        "TMPDIR": str(tmp_path),
    }
    with (tmp_path / "log").open("wb") as log:
        playing = subprocess.Popen(
            [sys.executable, "-m", "bridge", "demo"], env={**os.environ, **users}, stdout=log, stderr=log
        )
    try:
        eventually(lambda: ">>> Checkout in" in (tmp_path / "log").read_text(), "the outage to be under way")
    finally:
        playing.send_signal(signal.SIGTERM)
        playing.wait(30)
    assert "stopped" in (tmp_path / "log").read_text()
    assert list(tmp_path.glob("bridge-demo-*")) == []
