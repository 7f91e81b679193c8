from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import structlog

from bridge.config.live import ConfigFile
from bridge.config.problems import ConfigError
from bridge.telemetry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bridge.config.schema import Config

BASE = "version: 1\nservices: {a: A}\nseverity: [{is: MINOR}]\nroutes: [{name: %s, services: [a]}]\n"
NEVER_MS = 3_600_000
LIMIT_S = 30


def ok() -> float | None:
    return REGISTRY.get_sample_value("bridge_config_last_reload_successful")


def name(config: Config) -> str:
    return config.routes[0].name


@pytest.fixture
def mounted(tmp_path: Path) -> Path:
    """A configuration mounted as Kubernetes does it: bridge.yaml -> ..data/bridge.yaml, ..data -> a directory."""
    version(tmp_path, "one", BASE % "one")
    (tmp_path / "bridge.yaml").symlink_to("..data/bridge.yaml")
    return tmp_path / "bridge.yaml"


def version(mount: Path, directory: str, text: str) -> None:
    """Swap the mount's content for ``text`` in one step."""
    (mount / directory).mkdir()
    (mount / directory / "bridge.yaml").write_text(text)
    (mount / "..data_tmp").symlink_to(directory)
    (mount / "..data_tmp").rename(mount / "..data")


@asynccontextmanager
async def watching(file: ConfigFile) -> AsyncIterator[asyncio.Queue[Config]]:
    """The configurations that take effect while the file is watched."""
    changes: asyncio.Queue[Config] = asyncio.Queue()
    file.subscribe(changes.put_nowait)
    async with asyncio.timeout(LIMIT_S):
        watch = asyncio.create_task(file.watch())
        await asyncio.sleep(0)  # let it install the signal handler
        try:
            yield changes
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)


async def test_a_swapped_symlink_takes_effect(mounted):
    file = ConfigFile(mounted, poll_ms=10)
    assert name(file.current) == "one"
    async with watching(file) as changes:
        version(mounted.parent, "two", BASE % "two")
        assert name(await changes.get()) == "two"
        assert name(file.current) == "two"
        version(mounted.parent, "three", BASE % "three")
        assert name(await changes.get()) == "three"


async def test_an_edited_file_takes_effect(config_path):
    config_path.write_text(BASE % "one")
    async with watching(file := ConfigFile(config_path, poll_ms=10)) as changes:
        config_path.write_text(BASE % "two")
        assert name(await changes.get()) == "two"
        assert name(file.current) == "two"


async def test_a_hangup_reloads_at_once(config_path):
    config_path.write_text(BASE % "one")
    async with watching(ConfigFile(config_path, poll_ms=NEVER_MS)) as changes:
        config_path.write_text(BASE % "two")
        os.kill(os.getpid(), signal.SIGHUP)
        assert name(await changes.get()) == "two"
        os.kill(os.getpid(), signal.SIGHUP)
        assert name(await changes.get()) == "two"


async def test_a_broken_file_leaves_the_old_configuration_in_force(mounted):
    file = ConfigFile(mounted, poll_ms=10)
    assert ok() == 1
    with structlog.testing.capture_logs() as logs:
        version(mounted.parent, "two", BASE % "'no name'")
        await file.poll(reload=True)
        assert ok() == 0
        assert name(file.current) == "one"
        async with watching(file) as changes:
            version(mounted.parent, "three", BASE % "three")
            assert name(await changes.get()) == "three"
    assert ok() == 1
    assert [entry["event"] for entry in logs] == ["config_rejected", "config_loaded"]
    [problem] = logs[0]["problems"]
    assert problem.startswith(f'{mounted}:4:17: routes[0].name: "no name" is no name for a route')


async def test_a_text_that_cannot_be_compiled_leaves_the_old_configuration_in_force(config_path):
    config_path.write_text(BASE % "one")
    text = "{% if services %}" * 150 + "x" + "{% endif %}" * 150
    async with watching(file := ConfigFile(config_path, poll_ms=10)) as changes:
        with structlog.testing.capture_logs() as logs:
            config_path.write_text(BASE % "two" + f"texts: {{resolved: '{text}'}}\n")
            await file.poll(reload=True)
            assert (ok(), name(file.current)) == (0, "one")
            assert f"{config_path}:5:19: texts.resolved: this cannot be used" in logs[0]["problems"][0]
            config_path.write_text(BASE % "three")
            assert name(await changes.get()) == "three"


def hashes() -> dict[str, float]:
    """The series of the configuration's hash."""
    samples = (each for family in REGISTRY.collect() for each in family.samples if each.name == "bridge_config_hash")
    return {sample.labels["hash"]: sample.value for sample in samples}


async def test_the_hash_is_that_of_the_configuration_in_force_alone(config_path):
    config_path.write_text(BASE % "one")
    file = ConfigFile(config_path)
    before = file.current.content_hash
    assert hashes() == {before: 1}
    config_path.write_text("broken")
    await file.poll(reload=True)
    assert hashes() == {before: 1}
    config_path.write_text(BASE % "two")
    await file.poll(reload=True)
    after = file.current.content_hash
    assert hashes() == {after: 1}
    assert after != before


async def test_a_file_is_read_only_when_it_rests(config_path):
    config_path.write_text(BASE % "one")
    file = ConfigFile(config_path)
    for half in ("half", "another-half"):
        config_path.write_text(BASE % half)
        await file.poll()
        assert name(file.current) == "one"
    await file.poll()
    assert name(file.current) == "another-half"


async def test_a_broken_file_is_told_once(config_path):
    config_path.write_text(BASE % "one")
    file = ConfigFile(config_path)
    config_path.write_text("broken")
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            await file.poll()
    assert [entry["event"] for entry in logs] == ["config_rejected"]


async def test_a_file_that_disappears_leaves_the_old_configuration_in_force(config_path):
    config_path.write_text(BASE % "one")
    file = ConfigFile(config_path, poll_ms=10)
    config_path.unlink()
    await file.poll()
    await file.poll()
    assert ok() == 0
    assert name(file.current) == "one"
    async with watching(file) as changes:
        config_path.write_text(BASE % "two")
        assert name(await changes.get()) == "two"


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])
async def test_watching_ends_when_canceled_and_gives_the_signal_back(config_path, before):
    config_path.write_text(BASE % "one")
    found = signal.signal(signal.SIGHUP, before)
    try:
        async with watching(ConfigFile(config_path)):
            assert signal.getsignal(signal.SIGHUP) is not before
        assert signal.getsignal(signal.SIGHUP) is before
    finally:
        signal.signal(signal.SIGHUP, found)


def test_the_first_configuration_must_be_good(config_path):
    config_path.write_text("version: 1\n")
    with pytest.raises(ConfigError, match='the key "routes" is missing'):
        ConfigFile(config_path)


def test_a_load_is_logged_and_counted(config_path):
    config_path.write_text(BASE % "one")
    with structlog.testing.capture_logs() as logs:
        file = ConfigFile(config_path)
    [entry] = logs
    assert entry["event"] == "config_loaded"
    assert entry["digest"] == file.current.digest
    assert REGISTRY.get_sample_value("bridge_config_loaded_timestamp_seconds")
