"""Every session gets its share of the engine, whatever one of them does."""

from __future__ import annotations

import pytest

from session_stand import run_session
from voxruntime.session.pace import BURST_TURNS, COMMANDS_PER_TURN, TURNS_PER_S, Pace
from voxruntime.session.turns import COMMANDS_AT_ONCE
from voxruntime.testing import virtual_loop


def test_sixty_events_a_second_never_rest() -> None:
    pace = Pace()
    assert not any(pace.charge(3, now=turn / 60) for turn in range(10_000))


def test_a_burst_is_free_and_what_follows_keeps_the_rate() -> None:
    pace, now, turns = Pace(), 0.0, 0
    while now < 10.0:
        now += pace.charge(0, now=now)
        turns += 1
    assert turns == pytest.approx(BURST_TURNS + 10 * TURNS_PER_S, rel=0.01)


def test_commands_cost_like_turns() -> None:
    pace = Pace()
    rests = [pace.charge(COMMANDS_PER_TURN * 99, now=0.0) for _ in range(3)]
    assert rests == [0.0, 0.0, pytest.approx(100 / TURNS_PER_S)]


def test_credit_does_not_grow_past_a_burst() -> None:
    pace = Pace()
    pace.charge(0, now=0.0)
    assert pace.charge(COMMANDS_PER_TURN * int(BURST_TURNS), now=3600.0) == pytest.approx(1 / TURNS_PER_S)


def test_a_flood_of_commands_gets_its_share_and_no_more() -> None:
    commands = COMMANDS_AT_ONCE * 9
    text = f"""
    local turns = 0
    local function flood()
      turns = turns + 1
      for i = 1, {commands} do VoxEngine.customData("x") end
      setTimeout(flood, 0)
    end
    setTimeout(function() print(turns) VoxEngine.terminate() end, 10000)
    flood()
    """
    outcome, stand = virtual_loop.run(run_session(text))
    assert outcome.error is None
    most = (10 * TURNS_PER_S + BURST_TURNS) / (1 + commands / COMMANDS_PER_TURN)
    assert most * 0.5 < int(stand.seen.lines[0]) <= most + 2
