"""The two figures under a list of incidents."""

from __future__ import annotations

import pytest

from bridge.cli.incidents.delays import figures, percentile


def incident(publish: float | None, resolve: float | None) -> dict[str, float | None]:
    return {"publish_delay_seconds": publish, "resolve_delay_seconds": resolve}


def test_the_figures_are_of_those_that_were_public_and_are_over():
    listed = [incident(90.5, 121), incident(61.2, None), incident(400.4, 722), incident(None, None), {}]
    assert figures(listed) == (
        "Of those shown, from start to public: median 1m30s, 95th percentile 6m40s (3); "
        "from end to resolved: median 2m1s, 95th percentile 12m2s (2)"
    )


def test_where_nothing_is_over_or_nothing_was_public_less_is_said():
    assert figures([incident(0.4, None)]) == "Of those shown, from start to public: median 0s, 95th percentile 0s (1)"
    assert figures([incident(None, None)]) == figures([]) == ""


@pytest.mark.parametrize(
    ("count", "part", "expected"),
    [(1, 0.5, 1), (2, 0.5, 1), (3, 0.5, 2), (20, 0.95, 19), (21, 0.95, 20), (100, 0.95, 95)],
)
def test_a_percentile_is_one_of_the_values(count, part, expected):
    assert percentile(list(range(1, count + 1)), part) == expected
