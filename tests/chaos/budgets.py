"""A careless route invents incidents without end: it gets its share, and everything else goes on as ever."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec import structs

from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import name
from tests.chaos.checker import Wanted, judge
from tests.scenarios.vocabulary import alert, iso, now_ms, payload

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tests.chaos.campaign_servers import CampaignServers
    from tests.chaos.checker import History

BRIDGES = 2
OPEN, MAILS = 30, 20
SHARES = {"MAJOR": 12, "CRITICAL": 15}  # half of what is not reserved for what is worse
REAL_WITHIN_S = 10.0
TEAMS = ("careless", "shop", "pay", "search")
LABEL = "instance"  # what the careless route should not have grouped by
_PATIENCE_S = 120.0
_AT_ONCE = 500  # alerts of a delivery
_CONFIG: dict[str, Any] = {
    "severity": [
        {"match": "severity = critical", "is": "CRITICAL"},
        {"match": "severity = major", "is": "MAJOR"},
        {"is": "MINOR"},
    ],
    "routes": [
        {"name": team, "match": f"team = {team}", "services": {"label": "service"}, "group_by": [label]}
        for team, label in zip(TEAMS, (LABEL, "region", "region", "region"), strict=True)
    ],
    "budgets": {"open": OPEN, "mails_per_hour": MAILS},
}


class Budgets:
    """Of four routes one invents ``invented`` incidents, CRITICAL ones with an odd seed, else MAJOR ones.

    A real outage of another route, of any severity, begins beside them. Then all ends that readers were told of.
    """

    name = "budgets"
    runs = 6

    def __init__(self, *, invented: int = 10_000, real_within_s: float = REAL_WITHIN_S) -> None:
        self._invented = invented
        self._real_within_s = real_within_s

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        random = Random(seed)
        level = "CRITICAL" if seed % 2 else "MAJOR"
        real = random.choice(["critical", "major", "minor"])
        servers.open(bridges=BRIDGES, checkly={"requests_per_minute": 240, "timeout": "10s"}, parts=_CONFIG)
        invented = {
            f"x{number}": alert(
                region=f"x{number}", instance=f"x{number}", team="careless", service="Checkout", severity=level.lower()
            )
            for number in range(self._invented)
        }
        _deliver(servers, list(invented.values()))
        actual = alert(region="real", team="shop", service="Payments", severity=real)
        servers.deliver(payload(actual))
        real_s = servers.waits(lambda: "real" in _open(servers), within=_PATIENCE_S, every_s=0.1)
        share = SHARES[level]
        servers.waits(lambda: _withheld(servers) == self._invented - share, within=_PATIENCE_S, every_s=0.5)
        shown = _open(servers) - {"real"}
        untold = list(_untold(servers, self._invented - share))
        _deliver(servers, [_ended(each) for region, each in invented.items() if region not in shown])
        servers.waits(lambda: _withheld(servers) == 0, within=_PATIENCE_S, every_s=0.5)
        _deliver(servers, [_ended(each) for region, each in invented.items() if region in shown])
        servers.deliver(payload(_ended(actual)))
        servers.waits(lambda: not _open(servers), within=_PATIENCE_S, every_s=0.2)
        history = servers.history()
        servers.clear()
        verdict = judge(history, {name(region): Wanted() for region in (*shown, "real")})
        wrong = [*untold, *_wrong(history, shown, share), *_over_mails(history)]
        if real_s > self._real_within_s:
            wrong.append(f"the real outage was on the page after {real_s:.1f} s")
        return Trial(
            case=f"{self._invented} invented {level} incidents beside a {real.upper()} outage",
            faults=1,
            verdict=structs.replace(verdict, wrong=(*verdict.wrong, *wrong)),
            recovery_s=real_s,
            events=Counter(
                {
                    "invented": self._invented,
                    "of these published": len(shown),
                    "withheld and shown to operators": self._invented - share if not untold else 0,
                    "mail tokens": _mail_tokens(history),
                }
            ),
        )


def _deliver(servers: CampaignServers, alerts: Sequence[Mapping[str, Any]]) -> None:
    for first in range(0, len(alerts), _AT_ONCE):
        servers.deliver(payload(*alerts[first : first + _AT_ONCE]), to=first // _AT_ONCE)


def _ended(fired: Mapping[str, Any]) -> dict[str, Any]:
    return {**fired, "status": "resolved", "endsAt": iso(now_ms())}


def _open(servers: CampaignServers) -> set[str]:
    """The regions of what stands open on the page."""
    shown = servers.history().incidents
    return {each.title.rpartition(" ")[2] for each in shown if each.status != "RESOLVED"}


def _withheld(servers: CampaignServers) -> int:
    with servers.redis.client() as client:
        return int(client.hget("bridge:{0}:withheld", "v1") or 0)


def _untold(servers: CampaignServers, withheld: int) -> Iterator[str]:
    """What operators do not see of what is withheld: how much, by which label it differs, and each one with why."""
    (page,) = servers.asked("budgets")["pages"]
    told = (page["withheld"], page["withheld_differ"])
    if told != (withheld, f"{withheld} withheld differ only in `{LABEL}`"):
        yield f"operators are told {told}, {withheld} are withheld"
    listed = 0
    after: str | None = ""
    while after is not None:
        part = servers.asked(f"incidents?limit=500&after={after}")
        reasons = [
            post["withheld"]["reason"] for each in part["incidents"] for post in each["posts"] if post["withheld"]
        ]
        listed, after = listed + reasons.count("budget"), part["after"]
    if listed != withheld:
        yield f"operators can list {listed} of {withheld} that are withheld"


def _wrong(history: History, shown: Collection[str], share: int) -> Iterator[str]:
    if len(shown) != share:
        yield f"{len(shown)} of the careless route were on the page, {share} may be"
    if len(history.incidents) != len(shown) + 1:
        yield f"{len(history.incidents)} incidents were published, {len(shown) + 1} were seen open"
    for each in history.incidents:
        if each.updates[0].mails and not each.updates[-1].mails:
            yield f"{each.title}: who was told of its start was not told of its end"


def _mail_tokens(history: History) -> int:
    """A trial is shorter than an hour: all of its mails count. An opening that mails has paid for the end's."""
    tokens = 0
    for each in history.incidents:
        mailed = [update for update in each.updates if update.mails]
        is_paid = bool(each.updates[0].mails)
        tokens += len(mailed) + (is_paid and each.status != "RESOLVED")
    return tokens


def _over_mails(history: History) -> Iterator[str]:
    tokens = _mail_tokens(history)
    if tokens > MAILS:
        yield f"{tokens} mail tokens were taken, {MAILS} may be in an hour"
