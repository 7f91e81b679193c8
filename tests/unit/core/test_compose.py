from __future__ import annotations

import pytest
from msgspec.structs import replace

from bridge.config.schema import Reference, Service
from bridge.core.compose import compose, duplicate_text, text_kind
from bridge.core.ownership import references
from bridge.core.planning import PlannedWrite
from bridge.core.remote import RemoteIncident, RemoteUpdate
from bridge.model import Incident, Phase, Policy, Post, PublicNote, Severity, UpdateKind, Write
from bridge.texts.render import TextKind
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


class TestCompose:
    def test_a_text_names_the_services_as_the_page_does_and_ends_with_the_reference(self) -> None:
        intent = compose(INCIDENT, Post(), PLANNED, CONFIG, now=START + MINUTE)
        assert intent.name == "Issue affecting multiple services"
        assert "Checkout" in intent.text
        assert intent.text.endswith(f"\n\nReference: {ID}")
        assert (intent.public_at, intent.recorded_at) == (START, START + MINUTE)

    def test_the_reference_can_be_left_out(self) -> None:
        intent = compose(INCIDENT, Post(), PLANNED, config(Policy(), reference=Reference.NEVER), now=START)
        assert "Reference" not in intent.text

    def test_the_first_update_and_every_50th_end_with_the_reference(self) -> None:
        update = replace(PLANNED, write=Write.UPDATE, kind=UpdateKind.UPDATE)
        posts = [replace(OPEN, updates=before) for before in range(1, 160)]
        shown = [ID in compose(INCIDENT, post, update, CONFIG, now=START).text for post in posts]
        assert ID in compose(INCIDENT, Post(), PLANNED, CONFIG, now=START).text
        assert [number for number, has_it in enumerate(shown, 2) if has_it] == [50, 100, 150]

    def test_an_update_that_reopens_ends_with_the_reference(self) -> None:
        reopening = replace(PLANNED, write=Write.UPDATE, kind=UpdateKind.OPEN)
        assert ID in compose(INCIDENT, replace(OPEN, status=Phase.RESOLVED), reopening, CONFIG, now=START).text

    def test_where_updates_were_not_counted_the_next_ends_with_the_reference(self) -> None:
        update = replace(PLANNED, write=Write.UPDATE, kind=UpdateKind.UPDATE)
        assert ID in compose(INCIDENT, replace(OPEN, updates=0), update, CONFIG, now=START).text

    def test_words_that_end_with_a_reference_are_followed_by_ours(self) -> None:
        public_note = PublicNote(
            source="pagerduty", fingerprint="Q1", text="Reference: ZZZZZZZZZZ", observed_at=0, event_id="e"
        )
        planned = replace(PLANNED, write=Write.UPDATE, kind=UpdateKind.UPDATE, public_note=public_note)
        intent = compose(INCIDENT, OPEN, planned, CONFIG, now=START)
        assert references(remote("ours", intent.text)) == {ID}

    def test_every_update_ends_with_the_reference_if_that_is_wanted(self) -> None:
        update = replace(PLANNED, write=Write.UPDATE, kind=UpdateKind.UPDATE)
        always = config(Policy(), reference=Reference.EVERY)
        assert ID in compose(INCIDENT, OPEN, update, always, now=START).text

    def test_a_service_that_left_the_configuration_keeps_its_public_name(self) -> None:
        planned = replace(PLANNED, write=Write.UPDATE, services=("gone",), status=Phase.RESOLVED)
        intent = compose(INCIDENT, replace(OPEN, displays={"gone": "The Old Shop"}), planned, CONFIG, now=START)
        assert "The Old Shop" in intent.text
        assert intent.displays == {"gone": "The Old Shop"}
        assert "affecting our services" in compose(INCIDENT, OPEN, planned, CONFIG, now=START).text

    def test_a_service_whose_key_was_renamed_is_named_once(self) -> None:
        shop = Service(name="shop", remote_name="Checkout")
        renamed = replace(CONFIG, services={"payments": CONFIG.services["payments"], "shop": shop})
        post = replace(OPEN, displays={"checkout": "Checkout"})
        planned = replace(PLANNED, write=Write.UPDATE, status=Phase.RESOLVED, services=("checkout", "payments", "shop"))
        text = compose(INCIDENT, post, planned, renamed, now=0).text
        assert "affecting Checkout and Payments has been resolved" in text
        planned = replace(PLANNED, services=("checkout", "shop"))
        assert compose(INCIDENT, replace(post, name=""), planned, renamed, now=0).name == "Issue affecting Checkout"

    def test_a_duplicate_is_said_to_be_a_duplicate_not_resolved(self) -> None:
        text = duplicate_text(INCIDENT, OPEN, CONFIG)
        assert text == "This report duplicates another one about the same issue and is closed in favor of it."

    def test_a_reference_that_words_quote_is_not_ours(self) -> None:
        quoting = remote("theirs", f"It is not the same as Reference: {ID} at all.\n\nReference: ZZZZZZZZZZ")
        assert references(quoting) == {"ZZZZZZZZZZ"}

    def test_a_remark_is_published_as_it_was_written(self) -> None:
        public_note = PublicNote(
            source="pagerduty", fingerprint="Q1", text="We are back.", observed_at=START, event_id="e1"
        )
        planned = replace(PLANNED, write=Write.UPDATE, kind=UpdateKind.UPDATE, public_note=public_note)
        intent = compose(INCIDENT, OPEN, planned, CONFIG, now=START)
        assert (intent.text, intent.public_note) == ("We are back.", "e1")

    def test_an_incident_keeps_the_name_it_was_given(self) -> None:
        assert compose(INCIDENT, OPEN, PLANNED, CONFIG, now=START).name == "A name it once had"

    def test_a_service_that_left_the_configuration_is_not_named(self) -> None:
        intent = compose(INCIDENT, Post(), replace(PLANNED, services=("checkout", "gone")), CONFIG, now=START)
        assert intent.name == "Issue affecting Checkout"

    @pytest.mark.parametrize("kind", UpdateKind)
    def test_subscribers_are_mailed_of_what_the_configuration_names_and_of_nothing_else(self, kind: UpdateKind) -> None:
        planned = replace(PLANNED, write=Write.UPDATE, kind=kind)
        told = config(Policy(), notify=frozenset({kind}))
        others = config(Policy(), notify=frozenset(UpdateKind) - {kind})
        assert compose(INCIDENT, OPEN, planned, told, now=START).notify
        assert not compose(INCIDENT, OPEN, planned, others, now=START).notify

    def test_a_change_has_no_text_and_mails_nobody(self) -> None:
        planned = replace(PLANNED, write=Write.CHANGE, kind=UpdateKind.UPDATE)
        intent = compose(INCIDENT, OPEN, planned, config(Policy(), notify=frozenset(UpdateKind)), now=START)
        assert (intent.text, intent.notify) == ("", False)

    @pytest.mark.parametrize(
        ("status", "kind", "text"),
        [
            (Phase.IDENTIFIED, UpdateKind.UPDATE, TextKind.IDENTIFIED),
            (Phase.MONITORING, UpdateKind.UPDATE, TextKind.MONITORING),
            (Phase.RESOLVED, UpdateKind.RESOLVED, TextKind.RESOLVED),
            (Phase.INVESTIGATING, UpdateKind.UPDATE, TextKind.UPDATE),
            (Phase.INVESTIGATING, UpdateKind.SEVERITY, TextKind.UPDATE),
            (Phase.IDENTIFIED, UpdateKind.SEVERITY, TextKind.UPDATE),
        ],
    )
    def test_a_new_status_has_its_own_text(self, status: Phase, kind: UpdateKind, text: TextKind) -> None:
        assert text_kind(OPEN, replace(PLANNED, write=Write.UPDATE, status=status, kind=kind)) is text
