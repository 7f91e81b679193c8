from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos.soak.play import play
from tests.chaos.soak.samples import Sample, grown, thirds
from tests.chaos.soak.sending import Window
from tests.chaos.soak.traffic import Comings, Pager, Region

RATE = 40


def sample(at_s: float, **figures) -> Sample:
    steady = {"rss_mib": 100.0, "descriptors": 40, "keys": 1_000, "remembered": 9, "redis_mib": 5.0, "log_lines": 1}
    window = {"accepted": 1, "refused": 0, "p50_ms": 1.0, "p99_ms": 2.0, "look_ms": 1.0, "cpu": 0.1}
    return Sample(at_s=at_s, **(steady | window | figures))


def test_an_outage_comes_for_half_of_each_period_from_its_offset_on():
    comings = Comings(period_s=60, offset_s=10)
    assert [comings.at(now) for now in (0, 10, 25, 40, 69, 70)] == [
        *((0, 0.0), (0, 0.0), (0, 0.5), (0, 1.0)),
        (0, pytest.approx(59 / 30)),
        (1, 0.0),
    ]


def test_what_is_told_again_is_told_in_the_same_bytes():
    for source in (Region("r", Comings(period_s=60, offset_s=0)), Pager("p", Comings(period_s=60, offset_s=0))):
        told = [source.body(now) for now in range(180)]
        assert source.outages == 3
        assert len(set(told)) <= 5 * 3
        assert source.ends() == told[-1]


def test_what_grows_after_the_warm_up_is_found_and_what_grows_in_it_is_not():
    warm = [sample(n, keys=n) for n in range(20)]
    assert list(grown([*warm, *(sample(n) for n in range(20, 100))])) == []
    leak = [*warm, *(sample(n, descriptors=n) for n in range(20, 100))]
    assert thirds(leak, "descriptors") == (25.75, 79.75)
    assert list(grown(leak)) == ["descriptors grew from 25.75 to 79.75"]


def test_a_percentile_is_of_what_was_accepted():
    window = Window(answers=Counter({202: 100, 503: 3}), took_s=[n / 100 for n in range(100)])
    assert (window.refused, window.percentile(0.99), window.percentile(0.5)) == (3, 0.98, 0.49)


def test_a_short_soak_loses_nothing_and_doubles_nothing(tmp_path):
    outcome = play(tmp_path, seconds=6, rate=RATE, attack_every_s=1.5)
    assert (outcome.lost, outcome.doubled, outcome.wrong) == ((), (), ())
    assert outcome.outages == 32
    assert outcome.attacks
    assert len(outcome.samples) > 10
    assert outcome.accepted > RATE
