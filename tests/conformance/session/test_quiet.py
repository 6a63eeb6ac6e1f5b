"""`client:quiet(ms)`: when the agent has said all that it had to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from session_doubles import ToldProvider
from told_call import FRAME, Moments, Script, pattern, told_call

SCENARIO = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  call:answer()
  call:record({ stereo = true })
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
  VoxEngine.sendMediaBetween(call, client)
  client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function()
    print("asked")
    print("quiet", await(client:quiet(200)))
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.SessionUpdated, function() client:responseCreate() end)
  client:addEventListener(Yandex.RealtimeAPIEvents.RateLimitsUpdated, function() client:close() end)
end)
"""
SAID = pattern(10 * FRAME, 1000)


def quiet_after_ms(folder: Path, script: Script) -> float:
    """How long after the question, put at tick 20, the agent was quiet; the tick in which a response ends is quiet."""
    call = told_call(folder, SCENARIO, script, ticks=150)
    assert call.outcome.error is None
    assert call.said == ["asked", "quiet\ttrue"]
    return round((call.times["quiet\ttrue"] - call.times["asked"]) * 1000)


def test_the_audio_that_waits_is_played_first(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.say_audio("a", SAID), provider.say("session.created", session={}))

    assert quiet_after_ms(tmp_path, script) == 200 + 200


def test_a_running_response_may_still_say_something(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say("session.created", session={}))
        at[50] = provider.finish

    assert quiet_after_ms(tmp_path, script) == 29 * 20 + 200


def test_a_response_that_was_asked_for_may_still_begin(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (
            provider.say("session.updated", session={}),
            provider.say("session.created", session={}),
        )
        at[50] = lambda: provider.say("error", error={"message": "refused"})

    assert quiet_after_ms(tmp_path, script) == 29 * 20 + 200


def test_silence_before_the_question_counts(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: provider.say("session.created", session={})

    assert quiet_after_ms(tmp_path, script) == pytest.approx(20, abs=1)


def test_a_client_that_closes_is_never_quiet(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say("session.created", session={}))
        at[22] = lambda: provider.say("rate_limits.updated", rate_limits=[])

    call = told_call(tmp_path, SCENARIO, script)
    assert call.said == ["asked", "quiet\tfalse"]
