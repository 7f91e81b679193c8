"""The container image: what goes into it, and that everything of it is pinned."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from packaging.requirements import Requirement

from tests.deploy.files import ROOT, run

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LET_IN = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}


@pytest.mark.needs("hadolint")
def test_hadolint_finds_nothing():
    assert run("hadolint", ROOT / "Dockerfile") == ""


def test_what_is_copied_exists_and_nothing_else_is_let_in():
    lines = re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    copied = {source for line in lines for source in line.split()[:-1]}
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert copied == LET_IN


def test_every_installation_is_pinned_by_hash_or_is_the_project_itself():
    installed = re.findall(r"\bpip (?:--python \S+ )?(?:install|wheel) (?:\\\n\s*)?(.+)", DOCKERFILE)
    assert len(installed) == 4
    assert [each for each in installed if "--require-hashes" not in each and "--no-deps" not in each] == []


@pytest.mark.parametrize(
    ("version", "base", "code"),
    [
        ("0.0.0", "python:3.13-slim", 0),
        ("0.0.0", f"python:3.13-slim@sha256:{'0' * 64}", 0),
        ("0.1.0", f"python:3.13-slim@sha256:{'0' * 64}", 0),
        ("0.1.0", "python:3.13-slim", 1),
        ("0.1.0", "registry.acme.example/0.0.0:0.0.0", 1),
    ],
)
def test_a_release_is_built_on_a_base_image_that_does_not_move(version, base, code):
    [guard] = re.findall(r"^RUN (case .+?esac)$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    done = subprocess.run(["sh", "-c", guard], env={"VERSION": version, "BASE": base}, capture_output=True, check=False)
    assert done.returncode == code
    assert (b"--build-arg BASE=IMAGE@sha256:DIGEST" in done.stderr) == bool(code)


def test_the_build_backend_is_locked_at_a_version_the_project_allows():
    lock = dict(
        re.findall(r"^([\w-]+)==(\S+) \\\n    --hash=", (ROOT / "deploy" / "build.lock").read_text(), re.MULTILINE)
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [Requirement(each) for each in project["build-system"]["requires"]]
    assert asked
    assert [each for each in asked if not each.specifier.contains(lock[each.name])] == []


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _ByIPv6(HTTPServer):
    address_family = socket.AF_INET6


def test_the_containers_are_checked_by_the_same_command():
    compose = (ROOT / "deploy" / "compose" / "compose.yaml").read_text()
    assert '["python", "-m", "bridge.web.ping", "8080", "/healthz"]' in DOCKERFILE
    assert '[CMD, python, -m, bridge.web.ping, "8090", /sandbox/state]' in compose
    assert "urllib" not in DOCKERFILE + compose


@pytest.mark.parametrize("server", [HTTPServer, _ByIPv6], ids=["IPv4", "IPv6"])
def test_the_health_check_asks_by_either_family_and_never_a_proxy(server):
    if server is _ByIPv6 and not socket.has_dualstack_ipv6():
        pytest.skip("this kernel has no IPv6")
    environment = {**os.environ, **dict.fromkeys(("http_proxy", "HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:1")}
    with server(("::1" if server is _ByIPv6 else "127.0.0.1", 0), _Answers) as answering:
        thread = threading.Thread(target=answering.serve_forever, args=[0.01])
        thread.start()
        command = [sys.executable, "-m", "bridge.web.ping", str(answering.server_port)]
        asked = [subprocess.run([*command, path], env=environment, check=False) for path in ("/healthz", "/")]
        answering.shutdown()
        thread.join()
    assert [each.returncode for each in asked] == [0, 1]
    assert subprocess.run([*command, "/healthz"], check=False).returncode == 1
