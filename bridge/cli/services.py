"""``bridge services``: the account's services, ready to paste."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml

from bridge.checkly.account import Page, pages
from bridge.checkly.services import Catalog, RemoteService
from bridge.cli.inputs import checkly, read_settings
from bridge.cli.output import Form, Output, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence


def services(*, output: Output = Form.TEXT) -> None:
    """List the account's services as a block to paste into the configuration, with the pages that show each."""
    known, shown = asyncio.run(_read())
    if output is Form.JSON:
        print_json(
            [
                {"id": each.id, "name": each.name, "pages": [_page_json(page) for page in _on(each, shown)]}
                for each in known
            ]
        )
        return
    print("services:")
    for line, service in zip(_lines(known), known, strict=True):
        on = ", ".join(f"{page.name}{' (private)' * page.private}" for page in _on(service, shown))
        print(f"  {line}  # {f'shown on {on}' if on else 'on no page: nobody would see it'}")


async def _read() -> tuple[tuple[RemoteService, ...], list[Page]]:
    async with checkly(read_settings()) as client:
        known = await Catalog(client, clock=lambda: time.monotonic_ns() // 1_000_000).services()
        return tuple(sorted(known, key=lambda each: (each.name.casefold(), each.id))), await pages(client)


def _lines(known: Sequence[RemoteService]) -> list[str]:
    """One entry of the configuration's ``services`` each: by name where that is unique on the account, else by id."""
    names = Counter(service.name for service in known)
    taken: Counter[str] = Counter()
    lines = []
    for service in known:
        key = re.sub(r"[^a-z0-9]+", "-", service.name.lower()).strip("-") or "service"
        taken[key] += 1
        if taken[key] > 1:
            key = f"{key}-{service.id[:8]}"
        value: Any = service.name if names[service.name] == 1 else {"id": service.id}
        lines.append(f"{_yaml(key)}: {_yaml(value)}")
    return lines


def _yaml(value: Any) -> str:
    """A value as YAML on one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def _on(service: RemoteService, shown: Sequence[Page]) -> list[Page]:
    return [page for page in shown if service.id in page.services]


def _page_json(page: Page) -> dict[str, Any]:
    return {"id": page.id, "name": page.name, "url": page.url, "private": page.private}
