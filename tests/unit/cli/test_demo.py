from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.servers import eventually

pytestmark = pytest.mark.needs("valkey-server")


@pytest.fixture
def short_path():
    """A directory whose path leaves room for that of a Unix socket, as ``tmp_path`` does not always."""
    with TemporaryDirectory() as directory:
        yield Path(directory)


def test_the_demo_plays_an_outage_to_its_end():
    command = [sys.executable, "-m", "bridge", "demo", "--oneshot"]
    played = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    timeline = played.stdout.partition("The incident as readers see it: ")[2].splitlines()
    assert timeline[0] == "Problems in the shop (eu-west-1)"
    updates = [line.split()[1:3] for line in timeline[1:6]]
    assert [status for status, _ in updates] == [*["INVESTIGATING"] * 3, "MONITORING", "RESOLVED"]
    assert [mailed == "mailed" for _, mailed in updates] == [True, False, False, False, True]
    assert timeline[6] == "  in the end RESOLVED: severity CRITICAL, services Checkout, Payments"
    assert played.stdout.count("incident-updates") == 4


def test_it_reaches_no_account_of_the_users_and_leaves_nothing_running(tmp_path, short_path):
    users = {
        "CHECKLY_API_URL": "https://checkly.invalid",
        "REDIS_URL": "redis://redis.invalid",
        "TMPDIR": str(short_path),
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
    assert list(short_path.iterdir()) == []


def test_the_demo_ends_when_the_bridge_cannot_start(short_path):
    directory = short_path / ("d" * 80)
    directory.mkdir()
    command = [sys.executable, "-m", "bridge", "demo"]
    environment = {**os.environ, "TMPDIR": str(directory)}
    played = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=50)
    assert played.returncode == 1
    assert "is too long a path for a Unix socket" in played.stderr
    assert played.stderr.endswith("The bridge has ended; its output above gives the reason.\n")
    assert list(directory.iterdir()) == []
