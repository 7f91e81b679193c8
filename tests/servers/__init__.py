"""Real servers for tests: each class starts one on a free port of this machine and stops it by its own process."""

from tests.servers.alertmanager import Alertmanager, alertmanager_cluster
from tests.servers.bridge import Bridge, Sandbox
from tests.servers.process import Process, ServerError, eventually, free_ports
from tests.servers.prometheus import Exporter, Prometheus
from tests.servers.redis import Redis, Valkey

__all__ = [
    "Alertmanager",
    "Bridge",
    "Exporter",
    "Process",
    "Prometheus",
    "Redis",
    "Sandbox",
    "ServerError",
    "Valkey",
    "alertmanager_cluster",
    "eventually",
    "free_ports",
]
