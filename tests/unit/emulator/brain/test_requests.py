"""Contract of emulator/brain/requests.py and pace.py."""

from __future__ import annotations

import pytest

from voxruntime.emulator.brain.pace import Pace
from voxruntime.emulator.brain.requests import Abandon, Requests


def test_requests_are_handed_over_once_in_order() -> None:
    requests = Requests()
    requests.add(Abandon(1))
    requests.add(Abandon(2))
    assert requests.drain() == [Abandon(1), Abandon(2)]
    assert requests.drain() == []


def test_numbers_are_not_used_again() -> None:
    requests = Requests()
    assert len({requests.next_id() for _ in range(100)}) == 100


@pytest.mark.parametrize(("pace", "period"), [(Pace(), 0.02), (Pace(200, 2.0), 0.1), (Pace(20, 1.0), 0.02)])
def test_period_of_deltas(pace: Pace, period: float) -> None:
    assert pace.period == pytest.approx(period)
