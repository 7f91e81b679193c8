"""``bridge incidents``: what a running bridge has in hand. One module for each command."""

from __future__ import annotations

from cyclopts import App

from bridge.cli.incidents import act, history, show
from bridge.cli.incidents import list as list_

__all__ = ["incidents"]

incidents = App(
    name="incidents",
    help="Show the incidents of a running bridge, and act on them. Needs its ADMIN_TOKENS or OPERATOR_TOKENS.",
    result_action="return_value",
)
incidents.command(list_.list_, name="list")
incidents.command(show.show)
incidents.command(history.history)
for command in (act.hold, act.release, act.publish, act.dismiss, act.resolve, act.mute, act.unmute):
    incidents.command(command)
incidents.command(act.say_, name="say")
incidents.command(act.take_over)
incidents.command(act.hand_back)
incidents.command(act.retry)
