from __future__ import annotations

import pytest

from bridge.config.senders import PagerDuty

REST = """\
version: 1
services: {a: A}
severity: [{is: MAJOR}]
routes: [{name: a, services: [a]}]
"""


def test_without_the_section_pagerduty_has_defaults(load_text):
    assert load_text(REST).pagerduty == PagerDuty()
    assert load_text(REST + "pagerduty: {}\n").pagerduty == PagerDuty(
        open_on="triggered",
        acknowledged="ignore",
        resolve_by="anyone",
        merge_unknown_target="keep_open",
        note_marker=None,
        status_updates=False,
    )


def test_each_key_of_pagerduty_is_read(load_text):
    text = """\
pagerduty:
  open_on: acknowledged
  acknowledged: identified
  resolve_by: person
  merge_unknown_target: resolve
  notes: {marker: "PUBLIC:"}
  status_updates: true
"""
    assert load_text(REST + text).pagerduty == PagerDuty(
        open_on="acknowledged",
        acknowledged="identified",
        resolve_by="person",
        merge_unknown_target="resolve",
        note_marker="PUBLIC:",
        status_updates=True,
    )


@pytest.mark.parametrize("marker", ["Resolution Note:", "resolution", "R", "Resolution Note: PUBLIC:"])
def test_a_marker_that_every_resolution_has(problems_of, marker):
    (problem,) = problems_of(REST + f'pagerduty: {{notes: {{marker: "{marker}"}}}}\n')
    assert "every resolution" in problem.message
    assert problem.path == "pagerduty.notes.marker"


def test_all_mistakes_in_pagerduty_are_found(problems_of):
    text = """\
pagerduty:
  open_on: trigger
  acknowledge: identified
  resolve_by: persons
  notes: {marker: ""}
  status_updates: sometimes
"""
    assert [(problem.line, problem.hint) for problem in problems_of(REST + text)] == [
        (6, 'did you mean "triggered"?'),
        (7, 'did you mean "acknowledged"?'),
        (8, 'did you mean "person"?'),
        (9, None),
        (10, None),
    ]
