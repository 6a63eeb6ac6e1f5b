"""Timers, `sleep` and the clock."""

from __future__ import annotations

import pytest

from scenario_driver import WALL_MS
from scenario_stage import Stage, commands
from voxruntime.config import Limits
from voxruntime.turn.messages import StartTimer, StopTimer


def test_set_timeout_fires_once(stage: Stage) -> None:
    reply = stage.run("print(setTimeout(function() print('fired') end, 250))")
    assert reply.commands == [StartTimer(1, 250.0, False)]
    stage.fire(1)
    stage.fire(1)
    assert stage.said() == ["1", "fired"]


def test_set_interval_fires_until_it_is_cleared(stage: Stage) -> None:
    reply = stage.run("""
local n, id = 0, nil
id = setInterval(function()
  n = n + 1
  print(n)
  if n == 2 then clearInterval(id) end
end, 500)
""")
    assert reply.commands == [StartTimer(1, 500.0, True)]
    stage.fire(1)
    assert stage.fire(1).commands == [StopTimer(1)]
    assert stage.fire(1).commands == []
    assert stage.said() == ["1", "2"]


@pytest.mark.parametrize(
    ("code", "delay_ms", "repeats"),
    [
        ("setTimeout(print)", 0, False),
        ("setTimeout(print, -5)", 0, False),
        ("setTimeout(print, 1.5)", 1.5, False),
        ("setInterval(print)", 100, True),
        ("setInterval(print, 99)", 100, True),
        ("setInterval(print, 101)", 101, True),
    ],
)
def test_delays_have_their_lower_bounds(stage: Stage, code: str, delay_ms: float, repeats: bool) -> None:
    assert stage.run(code).commands == [StartTimer(1, delay_ms, repeats)]


def test_clearing_a_timer_keeps_it_from_firing_even_when_its_event_is_on_the_way(stage: Stage) -> None:
    reply = stage.run(
        "local id = setTimeout(function() print('never') end, 1) clearTimeout(id) clearTimeout(id)"
    )
    assert commands(reply, StopTimer) == [StopTimer(1)]
    stage.fire(1)
    assert stage.said() == []


@pytest.mark.parametrize("delay", ["0/0", "1/0", "-1/0"])
def test_a_delay_is_a_finite_number(stage: Stage, delay: str) -> None:
    stage.run(f"print(pcall(setTimeout, print, {delay}), (pcall(sleep, {delay})))")
    assert stage.said()[0].startswith("false")
    assert stage.scenario.texts[0].endswith("false")


@pytest.mark.parametrize("value", ["nil", "99", "'x'", "{}", "0/0", ""])
def test_clearing_what_is_no_timer_does_nothing(stage: Stage, value: str) -> None:
    assert stage.run(f"clearTimeout({value}) clearInterval({value})").commands == []


def test_one_timer_too_many_raises(stage: Stage) -> None:
    stage.run("""
local first = setTimeout(print, 1)
for _ = 2, 100 do setTimeout(print, 1) end
print(select(2, pcall(setInterval, print, 1000)).code, select(2, pcall(sleep, 1)).message)
clearTimeout(first)
print(pcall(setTimeout, print, 1))
""")
    assert stage.said() == ["limit.timers\tsleep: 100 timers are running, which is the limit", "true\t101"]


def test_the_limit_is_the_sessions_own(stage: Stage) -> None:
    stage.run("print(pcall(setTimeout, print, 1), (pcall(setTimeout, print, 1)))", limits=Limits(timers=1))
    assert stage.said() == ["true\tfalse"]


def test_sleep_gives_a_promise(stage: Stage) -> None:
    stage.run("""
print(await(Promise.race({ sleep(100):next(function() return "first" end), sleep(200) })))
""")
    stage.fire(1)
    stage.fire(2)
    assert stage.said() == ["first"]


def test_a_sleep_that_nothing_waits_for_is_warned_of(stage: Stage) -> None:
    stage.run("sleep(100)")
    stage.fire(1)
    assert stage.warnings() == ["sleep at main.lua:1 does not wait by itself: write await(sleep(ms))"]


def test_an_error_in_a_callback_names_where_the_timer_was_set(stage: Stage) -> None:
    stage.run("\nsetTimeout(function()\n  error('no')\nend, 1)")
    fault = stage.failing_turn("timer", target=1).fault
    assert fault is not None
    assert (fault.message, fault.line, fault.during) == ("no", 3, "setTimeout, handler at main.lua:2")


def test_now_is_the_turns_wall_clock(stage: Stage) -> None:
    stage.run("print(Date.now()) setTimeout(function() print(Date.now()) end, 1500)")
    stage.turn("timer", target=1, now=1.5)
    assert stage.said() == [str(WALL_MS), str(WALL_MS + 1500)]
