"""Reading the ``budgets`` section: how much may become public on a page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Final

from bridge.config.schema import Budget, Budgets, public_page
from bridge.config.settings import keys_of, read_keys
from bridge.config.yaml_node import Value, read
from bridge.messages import did_you_mean, one_of
from bridge.model import Severity

_KEYS: Final = tuple(keys_of(Budget))


def read_budgets(value: Value, pages: Collection[str], *, is_shared: bool) -> Budgets | None:
    """The section; None for ``off``. ``pages`` are the names of all there are; ``is_shared``: by several routes."""
    if value.is_off():
        return None
    fields = value.fields((*_KEYS, "pages"))
    every = _read_budget(value, fields, Budget(), is_shared=is_shared)
    own = read(fields, "pages", lambda each: _read_pages(each, every, pages, is_shared=is_shared), {})
    return Budgets(every=every, pages=own)


def _read_pages(value: Value, every: Budget, pages: Collection[str], *, is_shared: bool) -> dict[str, Budget]:
    by_name = {public_page(page): page for page in pages}
    found = {}
    for name, entry in value.entries("a mapping from pages (v1, or v3 pages as services name them) to budgets").items():
        if name not in by_name and by_name:
            hint = did_you_mean(name, by_name)
            entry.problem(f'no service is on a page "{name}"', expected=one_of(by_name), hint=hint)
        fields = entry.fields(_KEYS)
        found[by_name.get(name, name)] = _read_budget(entry, fields, every, is_shared=is_shared)
    return found


def _read_budget(value: Value, fields: Mapping[str, Value], base: Budget, *, is_shared: bool) -> Budget:
    budget = read_keys(fields, base, share=_read_share, reserve=_read_reserve)
    for name in ("open", "opens_per_hour"):
        whole: int = getattr(budget, name)
        if budget.of_route(whole, Severity.MINOR, is_shared=is_shared) < 1:
            place = fields.get(name, fields.get("share", fields.get("reserve", value)))
            place.problem(
                f"of {name}: {whole} nothing is left for a route, with this share and reserve",
                expected="at least 1 for each route: the reserve and a route's share are rounded down",
            )
    return budget


def _read_share(value: Value) -> Fraction | None:
    share = value.part()
    if share == 0:
        value.problem("no route could publish anything", expected="a part above 0, such as 0.5")
        return None
    return share


def _read_reserve(value: Value) -> dict[Severity, Fraction]:
    entries = value.fields(tuple(Severity.__members__))
    parts = {Severity[name]: read(entries, name, Value.part, Fraction(0)) for name in entries}
    if sum(parts.values()) >= 1:
        value.problem("this reserves everything", expected="parts that leave something for every severity")
        return {}
    return parts
