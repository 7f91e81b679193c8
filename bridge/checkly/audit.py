"""Where the configured services really lead: of which generation, on which pages, and what is wrong with that. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from bridge.checkly.v1.services import ServiceMissing, find
from bridge.checkly.v3.components import RemotePage, TargetMissing, find_component, find_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bridge.checkly.account import Page
    from bridge.checkly.inventory import Inventory
    from bridge.config.schema import Component, Service

V1, V3 = "v1", "v3"
_V3_VERSION = 3


class FindingKind(StrEnum):
    """What keeps incidents from the readers they are for, or takes them to others."""

    NOT_FOUND = "not_found"  # the service, page or component is not, or not clearly, on the account
    HIDDEN = "hidden"  # readers do not see the component
    NO_PAGE = "no_page"  # no page shows the v1 service
    MOVED = "moved"  # the v1 service is on a page that is a v3 page by now
    SEVERAL_PAGES = "several_pages"  # the v1 service is on several, and the configuration does not say `shared`
    TWO_NAMES = "two_names"  # one page, service or component under two names
    V1_RETIRED = "v1_retired"  # Checkly has no v1 API for this account any more


class Finding(Struct, frozen=True):
    """One thing that is wrong, and what to do about it; ``service`` is the configured one, if it is about one."""

    kind: FindingKind
    message: str
    service: str = ""


class ShownOn(Struct, frozen=True, kw_only=True):
    """A page that readers see. ``url`` is its own domain, else its name at Checkly; ``private`` is None if not told."""

    id: str
    name: str
    url: str
    generation: str
    private: bool | None


class Target(Struct, frozen=True, kw_only=True):
    """One of the things that a configured service names, as the account has it.

    ``id`` and ``name`` are Checkly's, empty where it is not clear which one is meant. ``page`` is what the
    configuration calls the page of a component.
    """

    service: str
    generation: str
    page: str = ""
    id: str = ""
    name: str = ""
    pages: tuple[ShownOn, ...] = ()


class Audit(Struct, frozen=True, kw_only=True):
    """Every target of a configuration, and every problem."""

    targets: tuple[Target, ...]
    findings: tuple[Finding, ...]

    def pages_of(self, services: Iterable[str]) -> tuple[ShownOn, ...]:
        """The pages that show an incident about these services, each once."""
        wanted = set(services)
        return tuple(
            dict.fromkeys(page for target in self.targets if target.service in wanted for page in target.pages)
        )


def audit(services: Mapping[str, Service], inventory: Inventory) -> Audit:
    """What the account has for these configured services."""
    findings: list[Finding] = []
    targets = []
    for service in services.values():
        if service.in_v1:
            targets.append(_service(service, inventory, findings))
        targets += [_component(service, wanted, inventory, findings) for wanted in service.components]
    if inventory.v1_gone:
        findings += _retired([each for each in services.values() if each.in_v1], inventory.v1_gone)
    return Audit(targets=tuple(targets), findings=(*findings, *_pages_twice(targets), *_targets_twice(targets)))


def page_of_v1(page: Page) -> ShownOn:
    """A page of the v1 API as readers know it."""
    return ShownOn(id=page.id, name=page.name, url=page.domain or page.url, generation=V1, private=page.private)


def page_of_v3(page: RemotePage) -> ShownOn:
    """A v3 page as readers know it. The v3 API does not tell whether it is private."""
    return ShownOn(id=page.id, name=page.name, url=page.domain or page.url, generation=V3, private=None)


def _service(service: Service, inventory: Inventory, findings: list[Finding]) -> Target:
    """A service of the v1 API, and the pages on whose cards it is."""
    nowhere = Target(service=service.name, generation=V1)
    if inventory.v1_gone:
        return nowhere
    try:
        found = find(service, inventory.services)
    except ServiceMissing as error:
        findings.append(Finding(FindingKind.NOT_FOUND, str(error), service.name))
        return nowhere
    pages = [page for page in inventory.pages if found.id in page.services]
    instead = _instead(found.name, inventory)

    def note(kind: FindingKind, what: str) -> None:
        findings.append(Finding(kind, f"service {service.name!r}: {what}", service.name))

    if not pages:
        note(FindingKind.NO_PAGE, f"no status page shows {found.name!r}, so no reader would see it{instead}")
    for page in pages:
        if _has_moved(page, inventory):
            note(FindingKind.MOVED, f"page {page.name!r}, which showed {found.name!r}, has moved to v3{instead}")
    if len(pages) > 1 and not service.shared:
        names = ", ".join(page.name for page in pages)
        what = f"{found.name!r} is on several pages ({names}); readers of all would see it, and get its mails"
        note(FindingKind.SEVERAL_PAGES, f"{what}. Set `shared: true` if you want that")
    shown = tuple(map(page_of_v1, pages))
    return Target(service=service.name, generation=V1, id=found.id, name=found.name, pages=shown)


def _component(service: Service, wanted: Component, inventory: Inventory, findings: list[Finding]) -> Target:
    """A component of a v3 page, and that page."""
    try:
        page = find_page(wanted.page, inventory.v3_pages)
        found = find_component(wanted, inventory.components[page.id])
    except TargetMissing as error:
        findings.append(Finding(FindingKind.NOT_FOUND, f"service {service.name!r}: {error}", service.name))
        return Target(service=service.name, generation=V3, page=wanted.page)
    if found.hidden:
        what = f"component {found.name!r} of page {wanted.page!r} is hidden, so no reader sees its impact"
        findings.append(Finding(FindingKind.HIDDEN, f"service {service.name!r}: {what}", service.name))
    shown = (page_of_v3(page),)
    return Target(service=service.name, generation=V3, page=wanted.page, id=found.id, name=found.name, pages=shown)


def _has_moved(page: Page, inventory: Inventory) -> bool:
    return (page.version or 0) >= _V3_VERSION or any(_names(page) & _names(each) for each in inventory.v3_pages)


def _names(page: Page | RemotePage) -> set[str]:
    """What a page keeps, or may keep, when it moves to another generation."""
    return {name.casefold() for name in (page.id, page.url, page.domain) if name}


def _instead(name: str, inventory: Inventory) -> str:
    """The end of a message about a service: which components may have become of it."""
    named = [
        f"{{page: {page.url or page.id!r}, component: {name!r}}}"
        for page in inventory.v3_pages
        if any(each.name == name and not each.is_group for each in inventory.components.get(page.id, ()))
    ]
    if named:
        return f"; is it {' or '.join(named)} now?"
    return "; `bridge services` lists the components of v3 pages" if inventory.v3_pages else ""


def _retired(services: Sequence[Service], said: str) -> Iterator[Finding]:
    if services:
        names = ", ".join(repr(service.name) for service in services)
        what = f"Checkly has retired the v1 API for this account: name pages and components for {names} instead"
        yield Finding(FindingKind.V1_RETIRED, f"{what} ({said})")


def _pages_twice(targets: Iterable[Target]) -> Iterator[Finding]:
    names: dict[ShownOn, dict[str, None]] = {}
    for target in targets:
        if target.generation == V3 and target.id:
            names.setdefault(target.pages[0], {})[target.page] = None
    for page, called in names.items():
        if len(called) > 1:
            what = f"{' and '.join(map(repr, called))} are the same page {page.name!r}: call it by one name everywhere"
            yield Finding(FindingKind.TWO_NAMES, what)


def _targets_twice(targets: Iterable[Target]) -> Iterator[Finding]:
    first: dict[tuple[str, str], Target] = {}
    for target in targets:
        other = first.setdefault((target.generation, target.id), target)
        if target.id and other is not target:
            what = f"services {other.service!r} and {target.service!r} both are {target.name!r}: name it once"
            yield Finding(FindingKind.TWO_NAMES, what)
