"""An alert that comes and goes: readers are told so once, and then that it is over."""

from __future__ import annotations

from typing import Any

from tests.scenarios.test_next import told
from tests.scenarios.vocabulary import Outage, Page, metric, write_configuration
from tests.servers import eventually

TIMES = {"publish_after": "0", "resolve_after": "200ms", "reopen_after": "60s", "hold_refire": "4s"}


def come_and_go(start_bridge: Any, page: Page, times: int) -> Any:
    bridge = start_bridge()
    for nth in range(times):
        outage = Outage(bridge)
        outage.fires()
        page.shows(status="INVESTIGATING")
        outage.ends()
        if nth < times - 1:
            page.shows(status="RESOLVED")
    return bridge


def test_from_the_third_time_on_the_page_tells_of_the_end_alone(config: Any, start_bridge: Any, page: Page):
    write_configuration(config, defaults={**TIMES, "flap": {"returns": 3, "settle": "5s"}})
    bridge = come_and_go(start_bridge, page, 3)
    waiting = told(bridge, phase="INVESTIGATING", page="open", firing=0)["next"]
    assert waiting["what"].startswith("flapping: resolves in ")
    again = Outage(bridge)
    again.fires()
    told(bridge, phase="INVESTIGATING", firing=1)
    again.ends()
    shown = page.shows(status="RESOLVED")
    said = [message.text.split(".")[0] for message in shown.messages]
    assert said[-2:] == ["An issue affecting Checkout comes and goes", "The issue affecting Checkout has been resolved"]
    assert sum("comes and goes" in text for text in said) == 1
    assert [message.notified for message in shown.messages[-2:]] == [True, True]


def test_switched_off_each_time_is_told(config: Any, start_bridge: Any, page: Page):
    write_configuration(config, defaults={**TIMES, "flap": "off"})
    come_and_go(start_bridge, page, 4)
    shown = page.shows(status="RESOLVED")
    assert sum(message.status == "RESOLVED" for message in shown.messages) == 4


def test_outages_too_short_to_be_published_are_counted(config: Any, start_bridge: Any, page: Page):
    write_configuration(config, defaults={**TIMES, "publish_after": "60s"})
    bridge = start_bridge()
    outage = Outage(bridge)
    outage.fires()
    told(bridge, phase="PENDING")
    outage.ends()
    eventually(lambda: metric(bridge, "bridge_blips_total", route="shop") == 1, "the blip to be counted")
    assert page.incidents == []
