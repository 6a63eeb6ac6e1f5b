"""What the engine says of its punctuality and its load."""

from __future__ import annotations

import pytest

from voxruntime.media.lateness import LEAST_TICKS, RECENT_S, Lateness, LoadMeter


def test_lateness_is_told_in_percentiles() -> None:
    lateness = Lateness()
    for late_ms in [0.05] * 98 + [4.02, 250.0]:
        lateness.add(late_ms / 1000, now=0.0)
    lateness.skipped = 3
    assert lateness.summary() == {
        "ticks": 100,
        "skipped_ticks": 3,
        "late_p50_ms": 0.1,
        "late_p99_ms": 4.1,
        "late_max_ms": 250.0,
    }


def test_histogram_counts_each_tick_once_below_the_first_bound_that_it_does_not_reach() -> None:
    lateness = Lateness()
    for late_ms in (-1.0, 0.0, 0.44, 0.5, 1.7, 4.9, 5.0, 12.0, 99.9, 100.0, 4000.0):
        lateness.add(late_ms / 1000, now=0.0)
    assert lateness.histogram() == {
        "<0.5": 3,
        "<1": 1,
        "<2": 1,
        "<5": 1,
        "<10": 1,
        "<20": 1,
        "<50": 0,
        "<100": 1,
        ">=100": 2,
    }
    assert lateness.percentile_ms(0.99) == 4000.0


def test_lateness_of_early_and_of_no_ticks_is_nothing() -> None:
    assert set(Lateness().summary().values()) == {0}
    assert Lateness().recent_percentile_ms(0.99, now=0.0) == 0
    lateness = Lateness()
    lateness.add(-0.001, now=0.0)
    assert lateness.summary()["late_max_ms"] == 0.0


def test_only_the_last_seconds_count_as_lately() -> None:
    lateness = Lateness()
    for tick in range(100):
        lateness.add(0.030, now=tick / 50)
    assert lateness.recent_percentile_ms(0.99, now=2.0) == 31.0
    for tick in range(500):
        lateness.add(0.002, now=2.0 + tick / 50)
    assert lateness.recent_percentile_ms(0.99, now=12.0) == 3.0
    assert lateness.recent_percentile_ms(0.99, now=13.0 + RECENT_S) == 0.0
    assert lateness.percentile_ms(0.99) == 30.0


def test_a_few_late_ticks_say_nothing() -> None:
    lateness = Lateness()
    for _ in range(LEAST_TICKS - 1):
        lateness.add(1.0, now=0.0)
    assert lateness.recent_percentile_ms(0.99, now=0.0) == 0.0
    lateness.add(1.0, now=0.0)
    assert lateness.recent_percentile_ms(0.99, now=0.0) == 101.0


def test_load_is_the_share_of_a_second_spent_computing_and_the_system_is_asked_once_a_second() -> None:
    meter = LoadMeter()
    used = iter([3.0, 3.6, 4.1])
    for now in (10.0, 10.5, 11.0, 11.9, 13.0):
        meter.sample(lambda: next(used), now=now)
    assert (meter.share, meter.max_share) == (pytest.approx(0.25), pytest.approx(0.6))
    assert not list(used)
