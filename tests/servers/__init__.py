"""Real servers for tests: each class starts one on a free port of this machine and stops it by its own process."""

from typing import TypeAlias

from tests.servers.alertmanager import Alertmanager, alertmanager_cluster
from tests.servers.bridge import Bridge, Sandbox
from tests.servers.checkly_cli import ChecklyCli
from tests.servers.cluster import Cluster
from tests.servers.nginx import Nginx
from tests.servers.pagerduty import PagerDuty, PagerDutyServer
from tests.servers.process import Process, ServerError, eventually, free_ports
from tests.servers.prometheus import Exporter, Prometheus
from tests.servers.redis import Redis, Valkey
from tests.servers.sentinel import SentinelSet

Store: TypeAlias = Redis | SentinelSet | Cluster
stores: dict[str, type[Store]] = {"redis": Redis, "valkey": Valkey, "sentinel": SentinelSet, "cluster": Cluster}

__all__ = [
    "Alertmanager",
    "Bridge",
    "ChecklyCli",
    "Cluster",
    "Exporter",
    "Nginx",
    "PagerDuty",
    "PagerDutyServer",
    "Process",
    "Prometheus",
    "Redis",
    "Sandbox",
    "SentinelSet",
    "ServerError",
    "Store",
    "Valkey",
    "alertmanager_cluster",
    "eventually",
    "free_ports",
    "stores",
]
