"""Turns that ask for nothing follow each other without the session's task: order, pace and ends are the same."""

from __future__ import annotations

import asyncio

import pytest

from session_stand import Runner, Stand, run_session
from voxruntime.session.pace import BURST_TURNS, TURNS_PER_S
from voxruntime.session.queue import Event, Rank
from voxruntime.testing import virtual_loop

both_clocks = pytest.mark.parametrize("run", [asyncio.run, virtual_loop.run], ids=["real", "virtual"])

LISTENS = """
VoxEngine.addEventListener(AppEvents.Started, function() end)
setTimeout(function() print("the last") VoxEngine.terminate() end, 300)
"""


@both_clocks
def test_events_of_one_moment_leave_by_rank_whichever_was_first(run: Runner) -> None:
    def prepare(stand: Stand) -> None:
        def three_at_once() -> None:
            for rank, name in [(Rank.TIMER, "timer"), (Rank.CALL, "a.call"), (Rank.SESSION, "a.session")]:
                stand.session.post(Event(rank, 0, name))

        stand.clock.call_later(0.2, three_at_once)

    _, stand = run(run_session(LISTENS, prepare))
    names = [name for name in stand.seen.turns if name in ("timer", "a.call", "a.session")]
    assert names[:3] == ["a.session", "a.call", "timer"]


def test_turns_that_ask_for_nothing_keep_the_pace_too() -> None:
    text = """
    local turns = 0
    for _ = 1, 90 do setInterval(function() turns = turns + 1 end, 100) end
    setTimeout(function() print(turns) VoxEngine.terminate() end, 2000)
    """
    outcome, stand = virtual_loop.run(run_session(text))
    assert outcome.error is None
    most = BURST_TURNS + 2 * TURNS_PER_S
    assert most * 0.9 < int(stand.seen.lines[0]) <= most


@both_clocks
def test_no_event_follows_the_turn_in_which_the_session_was_stopped(run: Runner) -> None:
    text = """
    setTimeout(function() print("first") end, 10)
    setTimeout(function() print("second") end, 10)
    """

    def prepare(stand: Stand) -> None:
        stand.seen.when["first"] = lambda: stand.session.stop("stopped", "")

    outcome, stand = run(run_session(text, prepare))
    assert outcome.result == "stopped"
    assert stand.seen.lines == ["first"]


@both_clocks
def test_a_fault_without_commands_ends_the_session(run: Runner) -> None:
    text = """
    setTimeout(function() error("no") end, 10)
    setTimeout(function() print("still here") VoxEngine.terminate() end, 50)
    """
    outcome, stand = run(run_session(text))
    assert outcome.error is not None
    assert outcome.error.code == "script.error"
    assert stand.seen.lines == []


@both_clocks
def test_a_process_that_dies_in_such_a_turn_ends_the_session(run: Runner) -> None:
    text = 'setTimeout(function() print("on and on") while true do end end, 10)'

    def prepare(stand: Stand) -> None:
        stand.seen.when["on and on"] = stand.session.abandon

    outcome, stand = run(run_session(text, prepare))
    assert outcome.result == "stopped"
    assert [code for code, _during in stand.seen.killed] == ["scenario.killed"]
