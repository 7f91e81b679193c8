"""Status pages of the generation that is made of components, which belong to one page each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from bridge.sandbox import account as config
    from bridge.sandbox.subscribers import Subscriber


@dataclass(slots=True, kw_only=True)
class Component:
    """Something readers know by name, or a group of such; ``parent_id`` is the group it is in."""

    id: str
    name: str
    type: Literal["SERVICE", "GROUP"] = "SERVICE"
    description: str | None = None
    display_order: int = 0
    hidden: bool = False
    parent_id: str | None = None
    created_at: int
    updated_at: int | None = None


@dataclass(slots=True, kw_only=True)
class ComponentPage:
    """A status page with its components. ``look`` is what the API keeps of it besides, as it spells it."""

    id: str
    name: str
    url: str
    created_at: int
    updated_at: int | None = None
    look: dict[str, Any] = field(default_factory=dict)
    components: dict[str, Component] = field(default_factory=dict)
    subscribers: dict[str, Subscriber] = field(default_factory=dict)

    def add(self, component: Component) -> None:
        """Show ``component`` too."""
        self.components[component.id] = component

    def remove(self, component: Component) -> None:
        """Show ``component`` no more; what it groups is detached."""
        del self.components[component.id]
        for child in self.within(component.id):
            child.parent_id = None

    def within(self, parent_id: str | None) -> list[Component]:
        """The components of this group, or those in none, in display order."""
        found = [one for one in self.components.values() if one.parent_id == parent_id]
        return sorted(found, key=lambda one: one.display_order)

    def in_order(self) -> list[Component]:
        """All components in display order, each group before what it holds."""
        return [one for top in self.within(None) for one in (top, *self.within(top.id))]

    def named(self, name_or_id: str) -> Component:
        """The component with this id, or the first in display order with this name.

        Raises:
            LookupError: there is none; the message says so.
        """
        found = self.components.get(name_or_id) or next(
            (one for one in self.in_order() if (one.name, one.type) == (name_or_id, "SERVICE")), None
        )
        if found is None:
            raise LookupError(f"page {self.url!r} has no component {name_or_id!r}")
        return found


def component_page(
    account: config.Account, page: config.Page, subscribers: dict[str, Subscriber], now: int
) -> ComponentPage:
    """The page that an account's file describes."""
    made = ComponentPage(
        id=account.derive("pages", page.url), name=page.name, url=page.url, created_at=now, subscribers=subscribers
    )
    for place, entry in enumerate(page.components):
        name, children = (entry, ()) if isinstance(entry, str) else (entry.name, entry.components)
        one = Component(
            id=account.derive("pages", page.url, "components", name),
            name=name,
            type="SERVICE" if isinstance(entry, str) else "GROUP",
            display_order=place,
            created_at=now,
        )
        made.add(one)
        for order, child in enumerate(children):
            child_id = account.derive("pages", page.url, "components", name, child)
            made.add(Component(id=child_id, name=child, display_order=order, parent_id=one.id, created_at=now))
    return made
