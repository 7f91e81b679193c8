"""Very many incidents are kept from the page: Redis has no more to do than with none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.scenarios.vocabulary import alert, metric, payload, write_configuration
from tests.servers import eventually

if TYPE_CHECKING:
    from tests.servers import Redis

PREFIX = "bridge:{0}:"
NEVER = 32_503_680_000_000
VISIBLE, WITHHELD = 4, 600
RUNS = 100  # of scripts: the bridge runs some five a second while nothing happens
ROUTES = [
    {"name": team, "match": f"team = {team}", "services": {"label": "service"}, "group_by": ["instance"]}
    for team in ("careless", "shop")
]


def commands_a_script(redis: Redis) -> float:
    """What Redis is asked for, by how often it is asked: a busy machine asks less often, and for the same."""
    before = redis.commands
    after = eventually(
        lambda: now if (now := redis.commands)["evalsha"] >= before["evalsha"] + RUNS else None,
        f"{RUNS} more scripts",
        within=120,
    )
    assert after is not None
    return (sum(after.values()) - sum(before.values())) / (after["evalsha"] - before["evalsha"])


def test_very_many_withheld_incidents_cost_redis_no_work(start_bridge, page, config, own_redis):
    write_configuration(config, routes=ROUTES, budgets={"open": 2 * VISIBLE, "reserve": {}})
    bridge = start_bridge(redis_url=own_redis.url)
    invented = [alert(team="careless", instance=f"i{number}") for number in range(VISIBLE + WITHHELD)]
    assert bridge.deliver(payload(*invented[:VISIBLE])).status_code == 202
    eventually(lambda: page.opened == VISIBLE, "the share of the route to be published")
    with_none = commands_a_script(own_redis)

    assert bridge.deliver(payload(*invented[VISIBLE:])).status_code == 202
    eventually(
        lambda: metric(bridge, "bridge_incidents_withheld", reason="budget") == WITHHELD,
        "the rest to be withheld",
        within=120,
    )
    with own_redis.client() as client:
        assert client.zcount(f"{PREFIX}due", NEVER, NEVER) >= WITHHELD, "none of them waits for a time"
    with_all = commands_a_script(own_redis)
    assert with_all <= 1.2 * with_none, f"{with_all:.1f} commands a script, {with_none:.1f} with none withheld"
    assert page.opened == VISIBLE
