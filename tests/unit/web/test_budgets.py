from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.config.loader import load
from bridge.store import BudgetState, Trip
from bridge.web import budgets
from tests.unit.web.application import CONFIG


def trip(*groups: dict[str, str]) -> Trip:
    return Trip(page="v1", budget="open", waiting=len(groups), groups=groups)


def test_the_label_that_tells_the_withheld_apart_is_named():
    groups = [{"region": "eu", "instance": f"{number}"} for number in range(20)]
    assert budgets.differing_label(20, groups) == "20 withheld differ only in `instance`"
    groups[0]["region"] = "us"
    assert budgets.differing_label(20, groups) == "20 withheld differ most in `instance`"
    assert budgets.differing_label(2, [{"region": "eu"}, {"region": "eu"}]) == "2 are withheld"
    assert budgets.differing_label(1, [{"region": "eu"}]) == "1 is withheld"
    assert budgets.differing_label(0, []) == "none is withheld"


class Tripped:
    async def budgets(self, over_at, routes, *, groups=False):
        spent = {"open": 9, "opens_per_hour": 9, "mails_per_hour": 2}
        self.over_at = over_at
        assert not groups
        by_route: dict[str, Any] = {name: dict.fromkeys(routes, 0) for name in spent}
        state = BudgetState(page="v1", spent=spent, by_route=by_route, waiting=2)
        return (state,), (trip({"pod": "a"}, {"pod": "b"}),)


@pytest.mark.parametrize("section", ["", "budgets: {}\n"], ids=["by default", "as written"])
async def test_a_trip_is_told_and_is_over_when_less_than_half_is_spent(tmp_path, section):
    file = tmp_path / "bridge.yaml"
    file.write_text(CONFIG + section)
    store = Tripped()
    with capture_logs() as logged:
        (page,) = await budgets.overview(store, load(file))
    assert store.over_at == {"v1": {"open": (14, 7), "opens_per_hour": (29, 14), "mails_per_hour": (9, 4)}}
    assert [each["detail"] for each in logged if each["event"] == "budget_tripped"] == [
        "2 withheld differ only in `pod`"
    ]
    assert (page["withheld"], page["budgets"]["open"]["remaining"]) == (2, 21)
    assert page["budgets"]["open"]["limits"]["MAJOR"] == {"page": 24, "route": 12}


async def test_where_budgets_are_off_nothing_is_asked(tmp_path):
    file = tmp_path / "bridge.yaml"
    file.write_text(CONFIG + "budgets: off\n")
    assert await budgets.overview(Tripped(), load(file)) == []
