"""Two bridges on one Redis: each has a namespace of its own, or the second one is told so, and takes nothing in."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.scenarios.vocabulary import Outage, alert, logged, metric, payload, write_configuration
from tests.servers import Bridge, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.scenarios.vocabulary import Page
    from tests.servers import Store

ROUTE = {"match": "team = shop", "services": {"label": "service"}}
pytestmark = pytest.mark.needs("redis-server")


def status(page: Page, service: str) -> str:
    (status,) = (each.status for each in page.incidents if each.services == (service,))
    return status


@pytest.fixture
def launch(tmp_path: Path, page: Page) -> Iterator[Callable[..., Bridge]]:
    """Starts a bridge that may never be ready."""
    with ExitStack() as running:

        def launch(**options: Any) -> Bridge:
            bridge = Bridge(tmp_path / "launched", sandbox=page.sandbox, **options)
            running.callback(bridge.stop)
            return bridge.start(wait=False)

        yield launch


@pytest.fixture
def config_of(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the configuration of the bridge with this instance (empty: it has none)."""

    def write(instance: str, **changes: Any) -> Path:
        checkly = {"settle": "1s"} | ({"instance": instance} if instance else {})
        return write_configuration(tmp_path / f"{instance}.yaml", checkly=checkly, **changes)

    return write


@pytest.mark.parametrize("redis_kind", ["redis", "cluster"])
def test_two_bridges_with_namespaces_of_their_own_do_not_see_each_other(
    start_bridge: Callable[..., Bridge], config_of: Callable[..., Path], page: Page
) -> None:
    names = {"eu": "checkout", "us": "payments"}
    bridges = {
        name: start_bridge(
            config=config_of(name, routes=[{"name": name, **ROUTE}]), environment={"REDIS_NAMESPACE": name}
        )
        for name in names
    }
    outages = {name: Outage(bridge) for name, bridge in bridges.items()}
    for name, service in names.items():
        outages[name].fires(service)
    eventually(lambda: page.opened == len(names), "an incident of each")
    for name, bridge in bridges.items():
        assert [each["route"] for each in bridge.incidents()["incidents"]] == [name]
    outages["eu"].ends()
    eventually(lambda: status(page, "Checkout") == "RESOLVED", "its end")
    assert status(page, "Payments") == "INVESTIGATING"
    outages["us"].ends()
    eventually(lambda: status(page, "Payments") == "RESOLVED", "its end")
    assert page.opened == len(names)


@pytest.mark.parametrize("role", ["all", "receiver", "reconciler"])
def test_another_instance_in_one_namespace_ends_and_is_told_what_to_do(
    start_bridge: Callable[..., Bridge],
    launch: Callable[..., Bridge],
    config_of: Callable[..., Path],
    redis_server: Store,
    role: str,
) -> None:
    first = start_bridge(config=config_of("eu"))
    second = launch(config=config_of("us"), role=role, redis_url=redis_server.url)
    assert second.wait() == 2
    assert "set REDIS_NAMESPACE" in second.output
    assert "serve --take-namespace" in second.output
    with redis_server.client() as look:
        assert look.get("bridge:{0}:instance") == b"eu"
    assert first.deliver(payload(alert())).status_code == 202


def test_the_same_bridge_renamed_takes_its_incidents_over(
    start_bridge: Callable[..., Bridge], config_of: Callable[..., Path], page: Page
) -> None:
    before = start_bridge(config=config_of(""))
    outage = Outage(before)
    outage.fires()
    opened = page.shows(status="INVESTIGATING")
    renamed = start_bridge(config=config_of("eu"), arguments=["--take-namespace"])
    assert before.wait() == 2  # it is told, too, should it still run
    assert "namespace_taken" in before.output
    renamed.stop()
    renamed = start_bridge(config=config_of("eu"))
    Outage(renamed).fires()
    (fired,) = renamed.incidents()["incidents"]
    resolved = alert("resolved")
    assert renamed.deliver(payload(resolved)).status_code == 202
    page.shows(id=opened.id, status="RESOLVED")
    assert page.opened == 1
    assert fired["posts"]


def test_a_reload_that_renames_the_bridge_is_rejected(
    start_bridge: Callable[..., Bridge], config_of: Callable[..., Path], page: Page
) -> None:
    path = config_of("eu")
    bridge = start_bridge(config=path)
    path.write_text(path.read_text().replace("instance: eu", "instance: us"))
    (rejected,) = logged(bridge, "config_rejected")
    assert "--take-namespace" in rejected["problems"][0]
    assert metric(bridge, "bridge_config_last_reload_successful") == 0
    Outage(bridge).fires()
    page.shows(status="INVESTIGATING")


def test_while_redis_is_away_nothing_is_taken_in_and_then_the_other_one_ends(
    start_bridge: Callable[..., Bridge], launch: Callable[..., Bridge], config_of: Callable[..., Path], own_redis: Store
) -> None:
    first = start_bridge(config=config_of("eu"), redis_url=own_redis.url)
    assert first.deliver(payload(alert())).status_code == 202
    first.stop()
    own_redis.stop()
    second = launch(config=config_of("us"), redis_url=own_redis.url)
    eventually(lambda: second.deliver(payload(alert(service="payments"))).status_code == 503, "it answers")
    own_redis.start()
    assert second.wait() == 2
    with own_redis.client() as look:
        assert look.hlen("bridge:{0}:index") == 1
