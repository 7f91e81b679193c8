"""Which incidents on a page are the bridge's own."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bridge.config.schema import Reference
from bridge.core.compose import compose, reference_line
from bridge.core.ownership import CLOCKS_APART_MS, ours, references
from bridge.core.planning import PlannedWrite
from bridge.core.remote import RemoteIncident, RemoteUpdate
from bridge.model import Incident, Phase, Policy, Post, Severity, UpdateKind, Write
from tests.unit.core.configured import ID, MINUTE, START, config

CONFIG = config(Policy())
INCIDENT = Incident(id=ID, key="checkout", route="checkout")
PLANNED = PlannedWrite(
    write=Write.OPEN,
    status=Phase.INVESTIGATING,
    kind=UpdateKind.OPEN,
    severity=Severity.MAJOR,
    services=("checkout", "payments"),
    labels={},
    public_at=START,
)
OPEN = Post(remote_id="remote", status=Phase.INVESTIGATING, name="A name it once had", updates=1)


def remote(id_: str, *texts: str, created_at: int = START, **fields: object) -> RemoteIncident:
    updates = tuple(
        RemoteUpdate(id="", status=Phase.INVESTIGATING, text=text, public_at=START, created_at=START) for text in texts
    )
    return replace(
        RemoteIncident(
            id=id_,
            name="Checkout",
            status=Phase.INVESTIGATING,
            severity=Severity.MAJOR,
            services=(),
            created_at=created_at,
            updates=updates,
        ),
        **fields,
    )


class TestOurs:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (f"Some words.\n\nReference: {ID}", True),
            (f"Reference: {ID}.", False),
            (f"<p>Some words.</p><p>Reference: {ID}</p>\n", True),
            (f"Reference: {ID}X", False),
            ("Reference: 9999999999", False),
            ("Some words.", False),
        ],
    )
    def test_our_reference_is_recognized_whole(self, text: str, expected: bool) -> None:
        assert (ID in references(remote("r", "first", text))) is expected

    def test_the_oldest_comes_first_and_others_are_left_out(self) -> None:
        line = reference_line(ID)
        found = ours([remote("new", line, created_at=5), remote("others"), remote("old", line, created_at=3)], ID, None)
        assert [incident.id for incident in found] == ["old", "new"]

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [({}, True), ({"name": "Payments"}, False), ({"updates": ()}, False)],
        ids=["same name and date", "another name", "another date"],
    )
    def test_without_a_reference_a_lost_write_is_known_by_name_and_date(
        self, fields: dict[str, Any], expected: bool
    ) -> None:
        plain = replace(
            compose(INCIDENT, Post(), PLANNED, config(Policy(), reference=Reference.NEVER), now=START), name="Checkout"
        )
        candidate = remote("r", "words", **fields)
        assert bool(ours([candidate], ID, plain)) is expected
        assert ours([candidate], ID, None) == []

    @pytest.mark.parametrize(
        ("text", "fields", "expected"),
        [
            ("words", {}, True),
            ("", {}, True),
            ("others", {}, False),
            ("words", {"name": "Payments"}, False),
            ("words", {"created_at": START - CLOCKS_APART_MS - 1}, False),
        ],
        ids=["same name and text", "text left out", "another text", "another name", "older"],
    )
    def test_what_went_without_a_date_is_known_by_name_and_text(
        self, text: str, fields: dict[str, Any], expected: bool
    ) -> None:
        intent = compose(INCIDENT, Post(), PLANNED, config(Policy(), reference=False), now=START)
        undated = replace(intent, name="Checkout", text="words", public_at=START - MINUTE, is_dated=False)
        assert bool(ours([remote("r", text, **fields)], ID, undated)) is expected

    def test_with_a_reference_name_and_date_alone_prove_nothing(self) -> None:
        intent = replace(compose(INCIDENT, Post(), PLANNED, CONFIG, now=START), name="Checkout")
        assert ours([remote("r", "words")], ID, intent) == []
