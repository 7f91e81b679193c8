"""``POST /api/budgets/lift``: an operator lifts the budgets of pages for a while, or ends that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

from msgspec import Meta, Struct, field

from bridge.config.schema import Config, public_page
from bridge.json_values import from_ms
from bridge.telemetry import Event, log
from bridge.web import budgets
from bridge.web.json_body import REASON_CHARS, decode, duration_of, expected, json_body, key_of, wrong
from bridge.web.parameters import parameters
from bridge.web.responses import HTTPError, json_response

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from bridge.config.live import LiveConfig
    from bridge.store import Lift, Lifted

LONGEST_MS: Final = 86_400_000


class _Body(Struct, frozen=True, kw_only=True):
    for_: str | None = field(default=None, name="for")
    reason: Annotated[str, Meta(max_length=REASON_CHARS)] | None = None
    page: str | None = None
    end: bool | None = None
    key: str | None = None


class LiftingStore(budgets.Store, Protocol):
    """What lifting needs of the store. Every method raises StoreUnavailable."""

    async def lift(self, pages: Sequence[str], /, *, by: str, reason: str, for_ms: int, key: str = "") -> Lifted:
        """Lift the budgets of these pages for so long, 0: end that."""
        ...

    async def lifts(self) -> list[Lift]:
        """The latest lifts and their ends."""
        ...


class BudgetsApi:
    """``GET /api/budgets``, and the endpoint for lifting them; ``on_change`` is called when incidents became due."""

    def __init__(self, store: LiftingStore, config: LiveConfig, *, on_change: Callable[[], None] | None) -> None:
        self._store = store
        self._config = config
        self._on_change = on_change

    async def show(self, request: Request) -> Response:
        """How much may still become public. Raises HTTPError."""
        parameters(request, ())
        return json_response(await self._overview())

    async def lift(self, request: Request, operator: str) -> Response:
        """Lift the budgets of one page or of all, or end that; answered with the budgets then. Raises HTTPError."""
        if request.app.state.stopping:
            raise HTTPError(503, "stopping", "the bridge is shutting down; try again")
        config = self._config.current
        asked = decode(await json_body(request), _Body)
        for_ms, reason = _for_ms(asked), (asked.reason or "").strip()
        if for_ms and not reason:
            raise wrong("reason", "lifting budgets needs it")
        pages = _pages(config, asked.page)
        if config.budgets is None:
            raise HTTPError(409, "budgets_off", "budgets are off: there is nothing to lift")
        key = key_of(asked.key)
        lifted = await self._store.lift(pages, by=operator, reason=reason, for_ms=for_ms, key=key)
        if lifted.pages:
            changed = ", ".join(map(public_page, lifted.pages))
            until = from_ms(lifted.until)
            log(Event.BUDGETS_LIFTED, operator=operator, pages=changed, until=until, ended=not for_ms, due=lifted.due)
        if self._on_change is not None and lifted.due:
            self._on_change()
        return json_response(await self._overview())

    async def _overview(self) -> dict[str, Any]:
        pages = await budgets.overview(self._store, self._config.current, groups=True)
        return {"pages": pages, "lifts": [_view(each) for each in await self._store.lifts()]}


def _for_ms(asked: _Body) -> int:
    """For how long; 0 to end it."""
    if asked.end:
        if asked.for_ is not None:
            raise wrong("for", "what ends now has no such field")
        return 0
    for_ms = duration_of(asked.for_, LONGEST_MS)
    if for_ms is None:
        raise wrong("for", "needed, unless `end` is true")
    return for_ms


def _pages(config: Config, wanted: str | None) -> list[str]:
    by_name = {public_page(page): page for page in config.pages}
    if wanted is None:
        return list(by_name.values())
    if wanted not in by_name:
        raise HTTPError(400, "wrong_field", expected("$.page: no service is on such a page", wanted, by_name))
    return [by_name[wanted]]


def _view(lift: Lift) -> dict[str, Any]:
    pages = [public_page(page) for page in lift.pages]
    return {"pages": pages, "ended": lift.until <= lift.at, **budgets.lift_view(lift)}
