from __future__ import annotations

import pytest
from redis.asyncio.connection import parse_url

from bridge.config.redis_url import RedisURL, RedisURLError
from bridge.store.connect import connect

PARAMETERS = "db, username, password, socket_timeout, socket_connect_timeout, health_check_interval"
SENTINELS = "sentinel_username, sentinel_password"
TLS = "ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_cert_reqs, ssl_check_hostname"
FORMS = (
    "must look like redis://[:password@]host:6379/0, redis+sentinel://[:password@]host:26379,host:26379/service/0, "
    "redis+cluster://[:password@]host:6379,host:6379, unix:///path, or begin with rediss for TLS."
)
ONE, SENTINEL, CLUSTER = (f"must look like {form}." for form in FORMS.removeprefix("must look like ").split(", ")[:3])


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://localhost/",
        "redis://:pw@h:6379/0",
        "redis://[::1]:6379/0",
        "redis://h?db=3&username=u&password=p",
        "redis://h/1?socket_timeout=5&socket_connect_timeout=1&health_check_interval=30",
        "rediss://u:p@h",
        "rediss://h/0?ssl_ca_certs=/ca&ssl_certfile=/cert&ssl_keyfile=/key&ssl_cert_reqs=optional",
        "rediss://h?ssl_cert_reqs=none&ssl_check_hostname=false",
        "unix:///run/valkey.sock",
        "unix:///run/valkey.sock?db=1&password=p",
    ],
)
def test_the_address_of_one_server_is_left_to_the_client_library(url):
    assert RedisURL.parse(url) == RedisURL(server=url, sentinel={})
    assert connect(url).connection_pool.make_connection()


def test_sentinels_are_told_apart_from_the_servers_they_watch():
    url = RedisURL.parse(
        "redis+sentinel://us%40er:p%2Fw@a.example,[::1]:5000/my%20primary/2"
        "?socket_timeout=5&sentinel_username=watcher&sentinel_password=s%26x"
    )
    assert url.hosts == (("a.example", 26379), ("::1", 5000))
    assert url.service == "my primary"
    assert url.sentinel == {"username": "watcher", "password": "s&x"}
    server = parse_url(url.server)
    del server["host"]
    assert server == {"username": "us@er", "password": "p/w", "db": 2, "socket_timeout": 5.0}


def test_a_cluster_is_known_by_some_of_its_nodes():
    url = RedisURL.parse("redis+cluster://:pw@a,b:7001/0?health_check_interval=9")
    assert (url.hosts, url.service) == ((("a", 6379), ("b", 7001)), "")
    assert parse_url(url.server).items() >= {"password": "pw", "health_check_interval": 9}.items()


@pytest.mark.parametrize("url", ["rediss+sentinel://a/main?ssl_ca_certs=/ca", "rediss+cluster://a?ssl_ca_certs=/ca"])
def test_tls_is_for_all_of_them(url):
    assert RedisURL.parse(url).server.startswith("rediss://")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://:hunter2@h", FORMS),
        ("hunter2:6379", FORMS),
        ("redis+ring://:hunter2@h", FORMS),
        ("redis://", ONE),
        ("redis://:hunter2@h:x", ONE),
        ("redis://:hunter2@h:70000", ONE),
        ("redis://:hunter2@h,i", ONE),
        ("redis://:hunt#er2@h", FORMS),
        ("unix://", "must look like unix:///path."),
        ("redis://:hunter2@h/abc", "must end with the number of a database, such as /0."),
        ("redis://h/0/hunter2", "must end with the number of a database, such as /0."),
        ("rediss://h/0?db=hunter2", "has a wrong value for the parameter db."),
        ("redis://h/0?db=1&db=hunter2", "has a wrong value for the parameter db."),
        ("redis://h/0?db=", "has a wrong value for the parameter db."),
        ("redis://h/0?socket_timeout=x", "has a wrong value for the parameter socket_timeout."),
        ("redis://h/0?socket_timeout=0", "has a wrong value for the parameter socket_timeout."),
        ("rediss://h?ssl_cert_reqs=bad", "has a wrong value for the parameter ssl_cert_reqs."),
        ("redis://h/0?hunter2=1", f"has an unknown parameter; those of redis:// are {PARAMETERS}."),
        ("redis://h/0?decode_responses=true", f"has an unknown parameter; those of redis:// are {PARAMETERS}."),
        ("redis://h/0?ssl_cert_reqs=none", f"has an unknown parameter; those of redis:// are {PARAMETERS}."),
        ("unix:///s?ssl_cert_reqs=none", f"has an unknown parameter; those of unix:// are {PARAMETERS}."),
        ("rediss://h?hunter2=1", f"has an unknown parameter; those of rediss:// are {PARAMETERS}, {TLS}."),
        ("redis+sentinel://:hunter2@", SENTINEL),
        ("redis+sentinel://:hunter2@a,,b/main", SENTINEL),
        ("redis+sentinel://:hunter2@a,b:x/main", SENTINEL),
        ("redis+sentinel://:hunter2@a,b", "must name the service that the Sentinels watch, such as /mymaster."),
        ("redis+sentinel://:hunter2@a//0", "must name the service that the Sentinels watch, such as /mymaster."),
        ("redis+sentinel://:hunter2@a/main/x", "must end with the number of a database, such as /0."),
        ("redis+sentinel://a/main?sentinel_password=", "has a wrong value for the parameter sentinel_password."),
        (
            "redis+sentinel://a/main?hunter2=1",
            f"has an unknown parameter; those of redis+sentinel:// are {PARAMETERS}, {SENTINELS}.",
        ),
        ("redis+cluster://:hunter2@a b:7000", CLUSTER),
        ("redis+cluster://:hunter2@a/1", "must not name a database: a cluster has one only."),
        (
            "redis+cluster://a?db=0",
            f"has an unknown parameter; those of redis+cluster:// are {PARAMETERS.removeprefix('db, ')}.",
        ),
    ],
)
def test_another_is_refused_without_being_shown(url, problem):
    with pytest.raises(RedisURLError) as caught:
        RedisURL.parse(url)
    assert caught.value.problems == (problem,)
    assert str(caught.value) == f"The address of Redis {problem}"


def test_a_redis_url_does_not_show_its_passwords():
    url = RedisURL.parse("redis+sentinel://:hunter2@a/main?sentinel_password=hunter2")
    assert "hunter2" not in repr(url)
