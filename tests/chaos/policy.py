"""Random policies, operators, people and faults over random outages: in the end the page is as without any of them."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

from tests.chaos import policy_checker
from tests.chaos.campaign import Trial
from tests.chaos.campaign_servers import PATIENCE_S, SETTLE_MS, TIMEOUT_MS, Alerts, CampaignServers, name
from tests.chaos.checker import Verdict, judge
from tests.chaos.drawn_policy import NO_POLICY, TEAMS, DrawnPolicy
from tests.chaos.generation import SERVICES
from tests.chaos.ledger import Ledger
from tests.chaos.operators import ENVIRONMENT, Operators
from tests.chaos.policy_checker import Fires, Page
from tests.chaos.proxy import Proxy
from tests.chaos.redis_faults import FAULTS as REDIS_FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 36
ENDS_WITHIN_S = 25.0
_REGIONS = 6
_SEVERITIES = ("warning", "warning", "critical")
_LIFTED_MS = 3_600_000
_TEXTS = {"flapping": "Flapping: {{ severity }} {{ services | join('+') }}"}
_CHECKLY_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "drop", "commit": True},
    {"kind": "drop"},
    {"kind": "delay", "ms": 600},
    {"kind": "delay", "ms": TIMEOUT_MS + 300},
    {"kind": "delay", "ms": TIMEOUT_MS + 300, "commit": True},
    {"kind": "answer", "status": 500, "commit": True},
    {"kind": "answer", "status": 503, "body": "empty"},
    {"kind": "answer", "status": 504, "body": "string", "commit": True},
    {"kind": "answer", "body": "unreadable", "commit": True},
    {"kind": "answer", "status": 429, "retry_after": 1},
)
"""What is committed late is so within the settle time."""


class PolicyCampaign:
    """A night of ``steps`` random steps; then everything ends that keeps something back, and then every alert."""

    name = "policy"
    runs = 60

    def __init__(self, *, steps: int = STEPS, ends_within_s: float = ENDS_WITHIN_S) -> None:
        self._steps = steps
        self._ends_within_s = ends_within_s

    def trial(self, servers: CampaignServers, seed: int) -> Trial:
        rng = Random(seed)
        policy = DrawnPolicy.drawn(rng)
        with Proxy(servers.redis.port) as proxy:
            servers.open(
                bridges=rng.choice((2, 2, 3)),
                redis_url=f"redis://127.0.0.1:{proxy.port}/0",
                environment=ENVIRONMENT,
                checkly={"notify": list(policy.notify)},
                settle_ms=2 * SETTLE_MS,
                parts=policy.parts,
            )
            night = Night(servers, proxy, rng, policy)
            for _ in range(self._steps):
                night.goes_on()
            ends_s = night.ends_whatever_the_policy(self._ends_within_s)
            recovery_s = night.ends_all_causes()
            night.begins_anew()
            history = servers.history()
            servers.clear()
        verdict = judge(history, {}, may_lack_mails=True)
        return Trial(
            case=policy.case,
            faults=night.faults,
            verdict=Verdict(
                lost=tuple(night.lost), doubled=verdict.doubled, wrong=(*verdict.wrong, *night.wrong(history))
            ),
            recovery_s=max(ends_s, recovery_s),
            events=night.counts,
        )


class Night:
    """What happens to one policy. ``lost`` collects what does not come to be on the page."""

    def __init__(self, servers: CampaignServers, proxy: Proxy, rng: Random, policy: DrawnPolicy) -> None:
        self._servers = servers
        self._proxy = proxy
        self._rng = rng
        self._policy = policy
        self._alerts = Alerts()
        self._ledger = Ledger(reopens_long=policy.reopens_long)
        self._operators = Operators(servers, rng, self._alerts, self._ledger)
        self._regions = [f"r{number}" for number in range(_REGIONS)]
        self._ever: dict[str, set[str]] = {region: set() for region in self._regions}
        self._is_lifted = False
        self._found: list[str] = []
        self.faults = 0
        self.lost: list[str] = []
        self.events: Counter[str] = Counter()

    @property
    def counts(self) -> Counter[str]:
        """What was done."""
        return self.events + self._operators.counts

    def goes_on(self) -> None:
        """One more step."""
        happens: Callable[[], None] = self._rng.choices(
            (self._fires, self._ends, self._is_acted_upon, self._is_edited, self._fails, self._is_lifted_for_a_while),
            weights=(8, 5, 14, 2, 5, 0.2),
        )[0]
        happens()
        time.sleep(self._rng.choice((0, 0, 0.1, 0.5)))
        self._look_at_budgets()

    def _fires(self, region: str = "") -> None:
        region = region or self._rng.choice(self._regions)
        service, severity = self._rng.choice(SERVICES), self._rng.choice(_SEVERITIES)
        body = self._alerts.fires(region, service, severity, team=self._team(region))
        self._ever[region].add(service)
        self._servers.deliver(body, to=self._rng.randrange(8))
        (begun,) = json.loads(body)["alerts"]
        self._ledger.fires(region, begun["fingerprint"], severity)
        self.events["fired"] += 1

    def _ends(self, region: str = "") -> None:
        region = region or self._rng.choice(self._regions)
        firing = self._alerts.firing(region)
        if not firing:
            return
        one = self._rng.choice(firing) if self._rng.random() < 0.3 else None
        self._deliver_end(region, one)

    def _deliver_end(self, region: str, one: str | None = None) -> None:
        ended = [one] if one else self._alerts.firing(region)
        self._servers.deliver(self._alerts.ends(region, one), to=self._rng.randrange(8))
        self._ledger.ends(region, ended)
        self.events["ended"] += 1

    def _team(self, region: str) -> str:
        return TEAMS[int(region[1:]) % len(TEAMS)]

    def _is_acted_upon(self) -> None:
        region = self._rng.choice(self._regions)
        if self._rng.random() < 0.5:  # while it is in hand
            self._fires(region)
            time.sleep(self._rng.choice((0, 0.05, 0.3)))
        self._operators.acts(region)

    def _is_edited(self) -> None:
        self._mend()
        self._operators.edits_the_page(self._rng.choice(self._regions))

    def _is_lifted_for_a_while(self) -> None:
        self._operators.lift(for_ms=1_000)
        self._is_lifted = True

    def _fails(self) -> None:
        self.faults += 1
        fails: Callable[[], None] = self._rng.choice((self._is_killed, self._page_fails, self._store_fails))
        fails()

    def _is_killed(self) -> None:
        self._rng.choice(self._servers.bridges).crash()
        self.events["killed"] += 1

    def _page_fails(self) -> None:
        faults = [
            {**self._rng.choice(_CHECKLY_FAULTS), "method": self._rng.choice(("*", "*", "POST", "PUT"))}
            for _ in range(self._rng.randint(1, 5))
        ]
        self._servers.control("POST", "faults", faults)
        self.events["page failed"] += 1

    def _store_fails(self) -> None:
        fault = self._rng.choice([each for each in REDIS_FAULTS if not each.forgets])
        with contextmanager(fault.strike)(self._servers, self._proxy):
            time.sleep(self._rng.uniform(0.1, 0.8))
        self.events["store failed"] += 1

    def _mend(self) -> None:
        self._servers.control("DELETE", "faults")
        self._proxy.heal()

    def ends_whatever_the_policy(self, within_s: float) -> float:
        """Checkly answers again, and half of all outages end: the ends are told, whatever is kept back else."""
        self._mend()
        for region in self._regions:
            if self._rng.random() < 0.5:
                self._end_all_of(region)
        over = [
            region
            for region in self._regions
            if not self._alerts.firing(region) and self._ledger.taken[region] is False
        ]

        def late() -> list[str]:
            page = self._page()
            return [region for region in over if page.standing(region) is not None]

        seconds = self._servers.waits(lambda: not late(), within=within_s)
        self.lost += [f"{region}: its end was withheld" for region in late()]
        self._look_at_budgets()
        page = self._page()
        self._found += self._over_budget(page)
        return seconds

    def _end_all_of(self, region: str) -> None:
        if self._alerts.firing(region):
            self._deliver_end(region)

    def ends_all_causes(self) -> float:
        """Everything is released, handed back and counted, and there are no budgets: the page shows what fires."""
        for region in self._regions:
            for verb in ("release", "hand-back"):
                self._operators.acts(region, verb)
            for fingerprint in self._alerts.firing(region):
                self._operators.acts(region, "unmute", alert=fingerprint)
            if region in self._ledger.dismissed:
                self._operators.acts(region, "publish")
        if self._rng.random() < 0.5:
            self._operators.lift(for_ms=_LIFTED_MS)
        else:
            self._servers.reload(**NO_POLICY)
            for bridge in self._servers.bridges:
                bridge.signal(signal.SIGHUP)
        return self._comes_right("once all causes have ended")

    def begins_anew(self) -> None:
        """What a person has ended begins anew, and is judged anew; then everything ends."""
        closed = [region for region in self._regions if self._ledger.closed[region] is not False]
        for region in closed:
            self._end_all_of(region)
        self._comes_right("after the end")
        for region in closed:
            self._fires(region)
        self._comes_right("once it fired anew")
        for region in self._regions:
            self._end_all_of(region)
        self._comes_right("in the end")

    def _comes_right(self, when: str) -> float:
        def unmet() -> list[str]:
            page = self._page()
            found = [*policy_checker.unmet(page, self._ledger, self._wanted())]
            return found + [
                f"{region}: is open though everything has cleared"
                for region in self._regions
                if not self._alerts.firing(region) and page.standing(region) is not None
            ]

        seconds = self._servers.waits(lambda: not unmet() and self._servers.is_quiet())
        if seconds >= PATIENCE_S and not unmet():
            self._found.append(f"{when}, all is well and something is left to do")
        self.lost += [f"{when}, {each} ({self._told(each.partition(':')[0])})" for each in unmet()]
        return seconds

    def _told(self, region: str) -> str:
        """What a bridge says of a region, for who is to find out why."""
        known = [each for each in self._operators.known() if each["group"]["region"] == region]
        return "; ".join(
            f"{each['phase']}, {each['firing']} fire, {each['held']} held, "
            f"posts {[{name: value for name, value in post.items() if value} for post in each['posts']]}"
            for each in known
        )

    def _wanted(self) -> dict[str, Fires]:
        wanted = self._alerts.wanted()
        found = {region: wanted[name(region)] for region in self._regions if self._alerts.firing(region)}
        return {
            region: Fires(f"{each.severity}", each.services, frozenset(self._ever[region]))
            for region, each in found.items()
        }

    def _page(self) -> Page:
        if len(self._operators.regions) < len(self._regions):
            self._operators.learn()
        return Page(self._servers.history(), self._operators.regions)

    def _look_at_budgets(self) -> None:
        """No more tokens are taken than there are, but for what operators publish."""
        if not self._policy.binds or self._is_lifted:
            return
        names = ("mails_per_hour", "open", "opens_per_hour") if self._policy.withholds else ("mails_per_hour",)
        with self._servers.redis.client() as client:
            for name in names:
                most = self._policy.budgets[name] + self._published * (2 if name == "mails_per_hour" else 1)
                taken = client.zcard(f"bridge:{{0}}:spent:{name}:v1")
                if taken > most:
                    self._found.append(f"{taken} tokens of {name} are taken, {most} may be")

    @property
    def _published(self) -> int:
        return sum(deed.verb == "publish" and deed.is_done for deed in self._ledger.deeds)

    def _over_budget(self, page: Page) -> list[str]:
        if not self._policy.binds or self._is_lifted:
            return []
        most = self._policy.budgets["mails_per_hour"] + 2 * self._published
        found = [f"{policy_checker.mailed(page)} mails, {most} may be"] if policy_checker.mailed(page) > most else []
        if self._policy.withholds:
            most = self._policy.budgets["opens_per_hour"] + self._published
            opened = policy_checker.opened(page)
            found += [f"{opened} openings, {most} may be"] if opened > most else []
        return found

    def wrong(self, history: Any) -> list[str]:
        """What was wrong on the way."""
        page = Page(history, self._operators.regions)
        found = [
            *self._found,
            *policy_checker.forbidden(page, self._ledger),
            *policy_checker.undone(page, self._ledger),
        ]
        if "resolved" in self._policy.notify:
            found += policy_checker.unmailed_ends(page, self._regions)
        return found
