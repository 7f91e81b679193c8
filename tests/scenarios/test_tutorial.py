"""What the tutorial shows of the commands is what they answer, from its own files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import Sandbox

TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorial" / "first-outage.md").read_text()
ACCOUNT, CONFIG, _ = re.findall(r"```yaml\n(.*?)```", TUTORIAL, re.DOTALL)
SHOWN = {
    command: re.sub("^    ", "", answer, flags=re.MULTILINE)
    for command, answer in re.findall(r"^    \$ (bridge .*)\n((?:    .*\n|\n(?=    ))+)", TUTORIAL, re.MULTILINE)
}


@pytest.mark.parametrize("command", ["bridge services", "bridge check bridge.yaml --online"])
def test_it_shows_what_the_command_answers(tmp_path, command):
    (tmp_path / "account.yaml").write_text(ACCOUNT)
    (tmp_path / "bridge.yaml").write_text(CONFIG)
    with Sandbox(tmp_path / "sandbox", account=tmp_path / "account.yaml") as sandbox:
        account = {
            "CHECKLY_API_URL": sandbox.url,
            "CHECKLY_API_KEY": "sandbox",
            "CHECKLY_ACCOUNT_ID": sandbox.account_id,
        }
        assert f"CHECKLY_ACCOUNT_ID={sandbox.account_id}" in TUTORIAL
        answer = subprocess.run(
            [sys.executable, "-m", "bridge.cli", *command.split()[1:]],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), **account},
            capture_output=True,
            text=True,
            check=True,
        )
    assert answer.stdout == SHOWN[command]
