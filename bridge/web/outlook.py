"""What the API tells of an incident beside its record: its place on the page, what comes next, what a person can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from bridge.config.schema import Config
from bridge.core.actions import in_force, standing
from bridge.core.attention import attention
from bridge.core.next_step import NOBODY, NextStep, next_step
from bridge.core.page_word import page_word, page_words
from bridge.core.view import PagesOf
from bridge.json_values import from_ms

if TYPE_CHECKING:
    from bridge.model import Incident

_PUT_AWAY = NextStep(at=None, what="nothing: this episode is over", mails=NOBODY)


class Outlook(Struct, frozen=True, kw_only=True):
    """What an answer is given on: the configuration and the time; ``paused`` while Checkly refuses the key."""

    config: Config
    pages_of: PagesOf
    now: int
    paused: bool = False

    def of(self, incident: Incident, *, is_put_away: bool = False) -> dict[str, Any]:
        """The fields of an incident; one that ``is_put_away`` is an ended episode, of which nothing comes any more."""
        words = page_words(incident, self.config, self.now, pages_of=self.pages_of)
        coming = _PUT_AWAY
        if not is_put_away:
            coming = next_step(incident, self.config, self.now, pages_of=self.pages_of, paused=self.paused)
        names = (post.name for post in incident.progress.posts.values() if post.name)
        return {
            "name": next(names, coming.name),
            "page": page_word(incident, words),
            "next": {
                "at": None if coming.at is None else from_ms(coming.at),
                "what": coming.what,
                "mails": coming.mails,
                "text": coming.text,
            },
            "attention": () if is_put_away else attention(incident),
            "actions": [] if is_put_away else self._standing(incident),
        }

    def _standing(self, incident: Incident) -> list[dict[str, Any]]:
        """What operators have ordered, and nothing has ended yet."""
        return [
            {
                "verb": verb,
                "by": order.by,
                "at": from_ms(order.at),
                "until": from_ms(order.until) if order.until else None,
                "reason": order.reason or None,
                "alert": alert or None,
            }
            for verb, order, alert in standing(in_force(incident, self.now))
        ]
