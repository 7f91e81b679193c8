"""The address of a Redis or Valkey: one server, a primary that Sentinels watch, or a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

_URL = re.compile(
    r"(?P<scheme>[a-z+]+)://(?:(?P<user>[^/?#]*)@)?(?P<hosts>[^/?#@]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_HOST = re.compile(r"(?P<name>[^\s:\[\]]+|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_FORMS = {
    "redis": "redis://[:password@]host:6379/0",
    "redis+sentinel": "redis+sentinel://[:password@]host:26379,host:26379/service/0",
    "redis+cluster": "redis+cluster://[:password@]host:6379,host:6379",
    "unix": "unix:///path",
}
_DEFAULT_PORTS = {"redis+sentinel": 26379}
_PARAMETERS = {
    "db": "[0-9]{1,9}",
    "username": ".+",
    "password": ".+",
    **dict.fromkeys(("socket_timeout", "socket_connect_timeout", "health_check_interval"), "[1-9][0-9]{0,3}"),
}
_SENTINEL_PARAMETERS = {"sentinel_username": "username", "sentinel_password": "password"}
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_TLS_PARAMETERS = {
    **dict.fromkeys(_TLS_FILES, ".+"),
    "ssl_cert_reqs": "required|optional|none",
    "ssl_check_hostname": "true|false",
}


class RedisURLError(ValueError):
    """The address cannot be used. ``problems`` are sentences that lack their subject; none shows a part of it."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(f"The address of Redis {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True, repr=False)
class RedisURL:
    """What an address says; it may hold passwords, so it is not for reading.

    ``server`` is the address of a server for redis-py. With ``hosts``, the Sentinels or some nodes of the cluster, it
    tells everything about the servers but where they are. ``service`` is the name by which the Sentinels know the
    primary (empty: there are none), and ``sentinel`` what they want for their part: ``username``, ``password``.
    """

    server: str
    hosts: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel: Mapping[str, str]

    @property
    def tls_files(self) -> Mapping[str, str] | None:
        """The files that TLS is begun with, by the names of their parameters; None without TLS."""
        if not self.server.startswith("rediss"):
            return None
        return {name: path for name, path in parse_qsl(urlsplit(self.server).query) if name in _TLS_FILES}

    @classmethod
    def parse(cls, text: str) -> RedisURL:
        """Read ``redis://``, ``redis+sentinel://``, ``redis+cluster://`` (``rediss…`` for TLS) or ``unix://``.

        Raises:
            RedisURLError: With every problem, also with what redis-py would pass over, or fail at later.
        """
        parts = _URL.fullmatch(text)
        kind = "" if parts is None else parts["scheme"].replace("rediss", "redis", 1)
        if parts is None or kind not in _FORMS:
            raise RedisURLError(f"must look like {', '.join(_FORMS.values())}, or begin with rediss for TLS.")
        hosts, path = _hosts(parts["hosts"], _DEFAULT_PORTS.get(kind, 6379)), parts["path"] or ""
        if not (path if kind == "unix" else hosts) or (kind == "redis" and len(hosts) > 1):
            raise RedisURLError(f"must look like {_FORMS[kind]}.")
        service, database = _split_service(path) if kind == "redis+sentinel" else ("", path)
        parameters = parse_qsl(parts["query"] or "", keep_blank_values=True)
        problems = (*_path_problems(kind, service, database), *_parameter_problems(parts["scheme"], parameters))
        if problems:
            raise RedisURLError(*problems)
        if kind in {"redis", "unix"}:
            return cls(server=text, sentinel={})
        user = "" if parts["user"] is None else f"{parts['user']}@"
        query = urlencode([each for each in parameters if each[0] not in _SENTINEL_PARAMETERS])
        return cls(
            server=f"{parts['scheme'].partition('+')[0]}://{user}host{database}?{query}",
            hosts=hosts,
            service=service,
            sentinel={_SENTINEL_PARAMETERS[name]: value for name, value in parameters if name in _SENTINEL_PARAMETERS},
        )


def _hosts(text: str, default_port: int) -> tuple[tuple[str, int], ...]:
    """The hosts of a list; none when one of them cannot be read."""
    found = [_HOST.fullmatch(part) for part in text.split(",")]
    hosts = [(host["name"].strip("[]"), int(host["port"] or default_port)) for host in found if host]
    return tuple(hosts) if len(hosts) == len(found) and all(0 < port < 1 << 16 for _, port in hosts) else ()


def _split_service(path: str) -> tuple[str, str]:
    """The parts of ``/service/database``, the second with its slash."""
    service, slash, database = path.removeprefix("/").partition("/")
    return unquote(service), slash + database


def _path_problems(kind: str, service: str, database: str) -> Iterator[str]:
    if kind == "redis+sentinel" and not service:
        yield "must name the service that the Sentinels watch, such as /mymaster."
    if kind == "redis+cluster" and database not in {"", "/", "/0"}:
        yield "must not name a database: a cluster has one only."
    elif kind != "unix" and not re.fullmatch("/?[0-9]{0,9}", database):
        yield "must end with the number of a database, such as /0."


def _parameter_problems(scheme: str, parameters: Sequence[tuple[str, str]]) -> Iterator[str]:
    known = dict(_PARAMETERS)
    if scheme.endswith("sentinel"):
        known |= dict.fromkeys(_SENTINEL_PARAMETERS, ".+")
    if scheme.endswith("cluster"):
        del known["db"]
    if scheme.startswith("rediss"):
        known |= _TLS_PARAMETERS
    for name, value in parameters:
        if name not in known:
            yield f"has an unknown parameter; those of {scheme}:// are {', '.join(known)}."
        elif not re.fullmatch(known[name], value):
            yield f"has a wrong value for the parameter {name}."
