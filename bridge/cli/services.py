"""``bridge services``: what the account has for incidents to be about, ready to paste."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from bridge.checkly.audit import ShownOn, page_of_v1, page_of_v3
from bridge.checkly.inventory import Inventory, read_inventory
from bridge.cli.inputs import checkly, read_settings
from bridge.cli.output import Form, Output, print_json, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bridge.checkly.v3.components import RemoteComponent, RemotePage


class _Entry(NamedTuple):
    """A service or component, what the configuration calls it, and where it shows.

    ``unseen`` says why no reader sees it, ``hint`` what to read before pasting it.
    """

    id: str
    name: str
    target: Any
    pages: tuple[ShownOn, ...]
    prefix: str = ""
    hint: str = ""
    unseen: str = ""


def services(*, output: Output = Form.TEXT) -> None:
    """List the account's services and v3 components, ready to paste into the configuration.

    Comments out those that no reader sees.
    """
    inventory = asyncio.run(_read())
    # What nobody sees comes last, so that the component which took a service's place gets the plain key.
    entries = sorted([*_services(inventory), *_components(inventory)], key=lambda each: bool(each.unseen))
    if output is Form.JSON:
        print_json([{"id": each.id, "name": each.name, "target": each.target, "pages": each.pages} for each in entries])
        return
    say("services:")
    for key, each in zip(_keys(entries), entries, strict=True):
        comment = each.unseen or each.hint or f"shown on {_named(each.pages)}"
        say(f"  {'# ' if each.unseen else ''}{_yaml(key)}: {_yaml(each.target)}  # {comment}")
    if inventory.v1_gone:
        say(f"# Checkly has retired the v1 API for this account: {inventory.v1_gone}")


async def _read() -> Inventory:
    async with checkly(read_settings()) as client:
        return await read_inventory(client)


def _services(inventory: Inventory) -> Iterator[_Entry]:
    """The v1 API's: by name where that is unique on the account, else by id."""
    names = Counter(service.name for service in inventory.services)
    for each in sorted(inventory.services, key=lambda each: (each.name.casefold(), each.id)):
        is_unique = names[each.name] == 1
        pages = tuple(page_of_v1(page) for page in inventory.pages if each.id in page.services)
        hint, unseen = "", "" if pages else "on no page: no reader would see it"
        if len(pages) > 1:
            shared = {**({"name": each.name} if is_unique else {"id": each.id}), "shared": True}
            hint = f"shown on {_named(pages)}: if that is meant, {_yaml(shared)}"
        yield _Entry(each.id, each.name, each.name if is_unique else {"id": each.id}, pages, hint=hint, unseen=unseen)


def _components(inventory: Inventory) -> Iterator[_Entry]:
    """Those of v3 pages: by the page's name in its URL, and by their own where that is unique on the page."""
    for page in sorted(inventory.v3_pages, key=lambda page: (page.url, page.id)):
        found = [each for each in inventory.components[page.id] if not each.is_group]
        names = Counter(each.name for each in found)
        yield from (_component(page, each, is_unique=names[each.name] == 1) for each in found)


def _component(page: RemotePage, each: RemoteComponent, *, is_unique: bool) -> _Entry:
    target = {"page": page.url or page.id, "component": each.name if is_unique else each.id}
    unseen = f"hidden on {page.name}: no reader would see its impact" if each.hidden else ""
    return _Entry(each.id, each.name, target, (page_of_v3(page),), page.url, unseen=unseen)


def _keys(entries: Iterable[_Entry]) -> Iterator[str]:
    """A key for each: its name, if need be with its page's name before or its id behind."""
    taken: set[str] = set()
    for each in entries:
        name = _slug(each.name) or "service"
        choices = (name, _slug(f"{each.prefix} {each.name}"), f"{name}-{each.id[:8]}", f"{name}-{each.id}")
        key = next(choice for choice in choices if choice not in taken and choice)
        taken.add(key)
        yield key


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _yaml(value: Any) -> str:
    """A value as YAML on one line, quoted and escaped where a terminal would not show it as it is."""
    text = _dump(value, allow_unicode=True)
    return text if text.isprintable() else _dump(value, allow_unicode=False, default_style='"')


def _dump(value: Any, *, allow_unicode: bool, default_style: str | None = None) -> str:
    text: str = yaml.safe_dump(
        value,
        default_flow_style=True,
        default_style=default_style,
        allow_unicode=allow_unicode,
        width=10_000,
        sort_keys=False,
    )
    return text.removesuffix("\n").removesuffix("\n...")


def _named(pages: Iterable[ShownOn]) -> str:
    return ", ".join(f"{page.name}{' (private)' * (page.private is True)}" for page in pages)
