"""A person who works beside the bridge, with Checkly's own command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.servers import ChecklyCli


class Person:
    """Does by hand what the command line offers, and confirms it; the status page is the account's only one."""

    def __init__(self, checkly: ChecklyCli) -> None:
        self._checkly = checkly

    def opens(self, title: str, *services: str, severity: str = "major") -> str:
        """Creates an incident; its id."""
        (page,) = self._ask("status-pages", "list")["data"]
        ids = {each["name"]: each["id"] for card in page["cards"] for each in card["services"]}
        where = ("--status-page-id", page["id"], *(part for name in services for part in ("--services", ids[name])))
        id_: str = self._write("create", "--title", title, "--severity", severity, *where)["id"]
        return id_

    def posts(self, incident: str, message: str, *, status: str, severity: str | None = None) -> None:
        """Posts an update, and changes the severity before, if asked to."""
        flags = () if severity is None else ("--severity", severity)
        self._write("update", incident, "--message", message, "--status", status, *flags)

    def resolves(self, incident: str, message: str = "It works again.") -> None:
        """Posts the last update."""
        self._write("resolve", incident, "--message", message)

    @property
    def sees(self) -> dict[str, str]:
        """The statuses of all open incidents by their names."""
        return {each["name"]: each["lastUpdateStatus"] for each in self._ask("incidents", "list")["data"]}

    def _write(self, *arguments: str) -> Any:
        return self._ask("incidents", *arguments, "--force")

    def _ask(self, *arguments: str) -> Any:
        return json.loads(self._checkly.run(*arguments, "--output", "json"))
