"""How an incident's orders are spelled in Redis: see ``act.lua``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from bridge.core.actions import standing
from bridge.orders import Order, Orders, Verb

MUTE: Final = f"{Verb.MUTE}|"  # before the alert's name
_FIELDS: Final = {
    verb.value: verb.value.replace("-", "_")
    for verb in (Verb.HOLD, Verb.PUBLISH, Verb.DISMISS, Verb.RESOLVE, Verb.TAKE_OVER, Verb.RETRY)
}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Order).decode


def unpack_orders(incident: Mapping[str, bytes], orders: Mapping[str, bytes]) -> Orders:
    """The orders, by the fields of the ``incident`` and those of its orders.

    Those of an incident that was forgotten meanwhile, by a release that does not know them, are not this one's.
    """
    if not orders or incident.get("ordered") != orders.get("born"):
        return Orders()
    given = {_FIELDS[name]: _decode(packed) for name, packed in orders.items() if name in _FIELDS}
    mutes = {name.removeprefix(MUTE): _decode(each) for name, each in orders.items() if name.startswith(MUTE)}
    return Orders(**given, mutes=mutes)


def pack_over(over: Orders) -> bytes:
    """Orders that nobody needs any more, as ``record.lua`` reads them."""
    flat: list[str | int] = []
    for verb, order, alert in standing(over):
        flat += [f"{MUTE}{alert}" if alert else verb.value, order.at]
    return _encode(flat)
