"""The helpers that start real servers, tried on the servers."""

from __future__ import annotations

import signal

import pytest
import redis

from tests.servers import (
    Alertmanager,
    Exporter,
    Prometheus,
    ServerError,
    Valkey,
    alertmanager_cluster,
    eventually,
    free_ports,
)


@pytest.mark.parametrize("redis_kind", ["redis", "valkey"])
@pytest.mark.parametrize("round_", [1, 2])
def test_every_test_gets_an_empty_durable_store(redis_url, round_):
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", round_)
        assert client.info("persistence")["aof_enabled"] == 1


def test_a_store_keeps_its_data_over_a_crash(tmp_path):
    server = Valkey(tmp_path)
    with server, server.client() as client:
        client.set("kept", "yes")
        server.kill()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        server.start()
        assert client.get("kept") == b"yes"


def test_a_server_that_does_not_start_shows_its_log(tmp_path):
    with pytest.raises(ServerError, match=r"exit code 1(?s:.*)appendonly"):
        Valkey(tmp_path, appendonly="perhaps").start()


def test_a_server_can_be_stopped_by_a_signal(tmp_path):
    server = Valkey(tmp_path).start()
    server.signal(signal.SIGINT)
    assert server.wait() == 0
    assert server.stop() is None


@pytest.mark.needs("alertmanager")
def test_an_alertmanager_delivers(tmp_path, inbox):
    with Alertmanager(tmp_path, webhook=inbox.url, token="t0ken", receiver="team.web") as alertmanager:
        alertmanager.alert(alertname="Down", service="checkout")
        [first] = eventually(lambda: inbox.deliveries, "a delivery")
    assert first["receiver"] == r"team\.web"
    assert first["alerts"][0]["labels"] == {"alertname": "Down", "service": "checkout"}


@pytest.mark.needs("alertmanager")
def test_a_cluster_of_alertmanagers_settles(tmp_path, inbox):
    with alertmanager_cluster(tmp_path, webhook=inbox.url, token="t") as members:
        assert [member.members() for member in members] == [2, 2]


@pytest.mark.needs("prometheus")
@pytest.mark.needs("alertmanager")
def test_prometheus_fires_by_what_it_scrapes(tmp_path, inbox):
    rule = {"alert": "ErrorsHigh", "expr": "errors > 5", "labels": {"severity": "critical"}}
    with (
        Exporter() as exporter,
        Alertmanager(tmp_path / "am", webhook=inbox.url, token="t") as alertmanager,
        Prometheus(
            tmp_path / "prom", rules=[rule], alertmanagers=[alertmanager], targets=[exporter.address]
        ) as prometheus,
    ):
        exporter.set("errors", 9, service="checkout")
        eventually(prometheus.firing, "the rule to fire")
        [first] = eventually(lambda: inbox.deliveries, "a delivery")
    assert first["commonLabels"]["service"] == "checkout"


def test_waiting_ends_with_what_was_last_seen():
    with pytest.raises(AssertionError, match=r"not within 0\.1 s: a miracle; last: None"):
        eventually(lambda: None, "a miracle", within=0.1)


def test_ports_are_different():
    assert len(set(free_ports(20))) == 20
