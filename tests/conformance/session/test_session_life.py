"""The life of a session, in the order that scenarios rely on, on the loop users get and on the loop that jumps."""

from __future__ import annotations

import asyncio

import pytest

from session_stand import Runner, Stand, run_session
from voxruntime.config import Limits
from voxruntime.testing import virtual_loop

both_clocks = pytest.mark.parametrize("run", [asyncio.run, virtual_loop.run], ids=["real", "virtual"])

LAST_WORDS = """
VoxEngine.addEventListener(AppEvents.Terminating, function() print("terminating") end)
VoxEngine.addEventListener(AppEvents.Terminated, function() print("terminated") end)
"""

ANSWERS = (
    """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:addEventListener(CallEvents.Connected, function() print("connected", event.call:state()) end)
  event.call:addEventListener(CallEvents.Disconnected, function(e) print("disconnected", e.reason) end)
  event.call:answer()
end)
"""
    + LAST_WORDS
)


def somebody_calls(stand: Stand) -> None:
    stand.call()


@both_clocks
def test_started_waits_for_the_top_level_and_calls_wait_for_started(run: Runner) -> None:
    text = """
    VoxEngine.addEventListener(AppEvents.Started, function() print("started") end)
    VoxEngine.addEventListener(AppEvents.CallAlerting, function() print("alerting") VoxEngine.terminate() end)
    await(sleep(50))
    print("loaded")
    """
    outcome, stand = run(run_session(text, somebody_calls))
    assert stand.seen.lines == ["loaded", "started", "alerting"]
    assert outcome.result == "terminated"


@both_clocks
def test_terminate_lets_the_block_run_on_and_gives_two_last_turns(run: Runner) -> None:
    text = (
        """
    VoxEngine.addEventListener(AppEvents.Started, function()
      VoxEngine.terminate()
      print("still here")
      VoxEngine.terminate()
    end)
    """
        + LAST_WORDS
    )
    outcome, stand = run(run_session(text))
    assert stand.seen.lines == ["still here", "terminating", "terminated"]
    assert (outcome.result, outcome.error) == ("terminated", None)


@both_clocks
def test_an_answered_call_is_connected_and_ends_disconnected(run: Runner) -> None:
    def prepare(stand: Stand) -> None:
        leg = stand.call()

        def hang_up() -> None:
            stand.clock.call_later(0.2, lambda: leg.events and leg.events.on_hung_up(0, "enough"))

        stand.seen.when["connected"] = hang_up

    text = ANSWERS.replace("e.reason)", "e.reason) VoxEngine.terminate()")
    outcome, stand = run(run_session(text, prepare))
    assert stand.seen.lines == ["connected\tCONNECTED", "disconnected\tenough", "terminating", "terminated"]
    assert outcome.result == "terminated"
    assert stand.calls[0].duration_ms >= 200


@both_clocks
def test_events_of_a_call_come_in_the_documented_order(run: Runner, tmp_path: object) -> None:
    text = """
    local function tell(e) print(e.name) end
    VoxEngine.addEventListener(AppEvents.Started, tell)
    VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
      tell(event)
      for _, name in ipairs({ "Connected", "Disconnected", "StateChanged", "RecordStarted", "RecordStopped" }) do
        event.call:addEventListener(CallEvents[name], tell)
      end
      event.call:addEventListener(CallEvents.RecordStarted, function() event.call:hangup() end)
      event.call:addEventListener(CallEvents.Disconnected, function() VoxEngine.terminate() end)
      event.call:answer()
      event.call:record({ stereo = true })
    end)
    VoxEngine.addEventListener(AppEvents.Terminating, tell)
    VoxEngine.addEventListener(AppEvents.Terminated, tell)
    """
    _outcome, stand = run(run_session(text, somebody_calls, folder=tmp_path))  # type: ignore[arg-type]
    assert stand.seen.lines == [
        "Application.Started",
        "Application.CallAlerting",
        "Call.StateChanged",
        "Call.Connected",
        "Call.RecordStarted",
        "Call.StateChanged",
        "Call.Disconnected",
        "Call.RecordStopped",
        "Application.Terminating",
        "Application.Terminated",
    ]


@both_clocks
def test_timers_fire_between_other_events_by_deadline_then_creation(run: Runner) -> None:
    text = """
    setTimeout(function() print("late") VoxEngine.terminate() end, 60)
    setTimeout(function() print("first of two") end, 20)
    setTimeout(function() print("second of two") end, 20)
    local stopped = setTimeout(function() print("never") end, 30)
    clearTimeout(stopped)
    """
    _outcome, stand = run(run_session(text))
    assert stand.seen.lines == ["first of two", "second of two", "late"]


def test_a_session_without_calls_ends_after_60_s() -> None:
    outcome, stand = virtual_loop.run(run_session(LAST_WORDS))
    assert outcome.result == "idle"
    assert stand.seen.times["terminating"] == pytest.approx(60, abs=0.1)


def test_a_call_keeps_the_session_and_its_end_starts_the_60_s() -> None:
    def prepare(stand: Stand) -> None:
        leg = stand.call()
        stand.clock.call_later(100, lambda: leg.events and leg.events.on_hung_up(0, ""))

    outcome, stand = virtual_loop.run(run_session(ANSWERS, prepare))
    assert outcome.result == "idle"
    assert stand.seen.times["terminating"] == pytest.approx(160, abs=0.1)


def test_an_unanswered_call_ends_after_60_s() -> None:
    _outcome, stand = virtual_loop.run(run_session(LAST_WORDS, somebody_calls))
    assert (stand.calls[0].state, stand.calls[0].code) == ("TERMINATED", 408)
    assert stand.seen.times["terminating"] == pytest.approx(120, abs=0.1)


def test_a_top_level_that_waits_for_10_s_ends_the_session_and_says_so() -> None:
    outcome, stand = virtual_loop.run(run_session("print('waiting') await(sleep(20000))"))
    assert outcome.error is not None
    assert outcome.error.code == "script.top_level"
    assert "10 s" in outcome.error.message
    assert "Application.Started" not in stand.seen.turns


@both_clocks
def test_a_stop_hangs_up_and_waits_for_the_scenarios_last_turns(run: Runner) -> None:
    def prepare(stand: Stand) -> None:
        stand.call()
        stand.seen.when["connected"] = lambda: stand.session.stop("stopped", "Interrupted")

    text = ANSWERS.replace("e.reason)", "e.reason) await(sleep(100)) print('slept') VoxEngine.terminate()")
    outcome, stand = run(run_session(text, prepare))
    lines = ["connected\tCONNECTED", "disconnected\tInterrupted", "slept", "terminating", "terminated"]
    assert stand.seen.lines == lines
    assert outcome.result == "stopped"


def test_a_stopped_scenario_that_never_ends_gets_5_s() -> None:
    def prepare(stand: Stand) -> None:
        stand.call()
        stand.clock.call_later(1, lambda: stand.session.stop("stopped", "Interrupted"))

    outcome, stand = virtual_loop.run(run_session(ANSWERS, prepare))
    assert outcome.result == "stopped"
    assert stand.seen.times["terminating"] == pytest.approx(6, abs=0.1)


@both_clocks
def test_a_runaway_handler_is_named_with_its_event_and_last_log_line(run: Runner) -> None:
    text = """
    VoxEngine.addEventListener(AppEvents.Started, function()
      print("about to spin")
      VoxEngine.callPSTN("7495", "7916")
      local text = string.rep("a", 30)
      while true do text:find("(a*)*b") end
    end)
    """
    outcome, stand = run(run_session(text, limits=Limits(cpu_s_per_turn=0.2)))
    assert outcome.error is not None
    assert outcome.error.code in ("limit.cpu", "limit.wall")
    assert "Application.Started, handler at s.lua:2" in str(outcome.error)
    assert stand.calls == []


@both_clocks
def test_outgoing_calls_ring_connect_and_fail(run: Runner) -> None:
    text = """
    VoxEngine.addEventListener(AppEvents.Started, function()
      local nobody = VoxEngine.callPSTN("1", "7916")
      nobody:addEventListener(CallEvents.Failed, function(e)
        print("failed", e.code, e.reason, nobody:state())
        VoxEngine.terminate()
      end)
    end)
    """
    _outcome, stand = run(run_session(text))
    assert stand.seen.lines == ["failed\t404\tNot Found\tTERMINATED"]


@both_clocks
def test_a_scenario_too_slow_for_its_events_ends_with_overflow(run: Runner) -> None:
    text = """
    VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
      event.call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
      event.call:answer()
    end)
    """

    def prepare(stand: Stand) -> None:
        for _ in range(40):
            stand.call()

    outcome, _stand = run(run_session(text, prepare, limits=Limits(queued_events=60)))
    assert outcome.error is not None
    assert outcome.error.code == "events.overflow"
