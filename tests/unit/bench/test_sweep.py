"""Which numbers of sessions a sweep tries, and what it makes of their runs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.sweep import conclusion, next_number, together


def tried_by_itself(largest: int, named: Sequence[int] = ()) -> list[int]:
    tried: dict[int, bool] = {}
    while (number := next_number(named, tried)) is not None:
        assert number not in tried
        tried[number] = number <= largest
    return list(tried)


@pytest.mark.parametrize("largest", [1, 20, 49, 50, 99, 100, 230, 400, 999])
def test_it_finds_the_largest_number_within_a_tenth(largest: int) -> None:
    tried = tried_by_itself(largest)
    held = max((number for number in tried if number <= largest), default=0)
    assert largest * 0.9 - 1 <= held <= largest


def test_named_numbers_are_all_tried_in_their_order() -> None:
    assert tried_by_itself(60, (100, 50, 200)) == [100, 50, 200]


def run(cpu: float, *, holds: bool = True) -> dict[str, object]:
    return {"sessions": 50, "holds": holds, "cpu_ms_per_session_s": cpu, "tls": False}


def test_figures_of_a_number_are_medians_and_it_holds_when_most_runs_do() -> None:
    row = together(50, [run(2.0), run(9.0, holds=False), run(3.0)])
    assert row == {"sessions": 50, "held": 2, "holds": True, "cpu_ms_per_session_s": 3.0}


def test_a_number_that_does_not_open_is_a_row_with_its_reason() -> None:
    refused = {"sessions": 90, "holds": False, "reason": "The engine is full [engine.full]"}
    row = together(90, [refused, refused, refused])
    assert row == {"sessions": 90, "held": 0, "holds": False, "reason": "The engine is full [engine.full]"}
    rows = [together(50, [run(2.0)]), together(80, [run(2.2)]), row]
    assert conclusion(rows) == {
        "largest_that_holds": 80,
        "cpu_against_smallest": {50: 1.0, 80: 1.1},
        "cpu_max_deviation_pct": 10.0,
    }


def test_a_sweep_in_which_nothing_holds_says_so() -> None:
    assert conclusion([together(50, [run(9.0, holds=False)])])["largest_that_holds"] == 0
