"""``bridge incidents``: what a running bridge has in hand. One module for each command."""

from __future__ import annotations

from cyclopts import App

from bridge.cli.incidents import history, show
from bridge.cli.incidents import list as list_

__all__ = ["incidents"]

incidents = App(
    name="incidents",
    help="Show the incidents of a running bridge. Needs its ADMIN_TOKENS.",
    result_action="return_value",
)
incidents.command(list_.list_, name="list")
incidents.command(show.show)
incidents.command(history.history)
