"""`require("agent")` in whole sessions: what the caller hears of it, and when, to the tick."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from session_doubles import ToldProvider
from told_call import FRAME, RATE, Moments, Script, ToldCall, caller_speaks, pattern, sound, told_call

SCENARIO = """
require(Modules.Yandex)
local Agent = require("agent")
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:answer()
  call:record({ stereo = true })
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
  VoxEngine.sendMediaBetween(call, client)
  call:addEventListener(CallEvents.Disconnected, function()
    print("over")
    VoxEngine.terminate()
  end)
  BODY
end)
"""
SAID = pattern(25 * FRAME, 1000)


def call(folder: Path, body: str, script: Script, *, ticks: int = 200) -> ToldCall:
    done = told_call(folder, SCENARIO.replace("BODY", body), script, ticks=ticks)
    assert done.outcome.error is None, done.outcome.error
    return done


def speech_ended(provider: ToldProvider) -> object:
    return provider.say("input_audio_buffer.speech_stopped", audio_end_ms=0, item_id="user")


def test_barge_in_silences_the_agent_and_the_transcript_has_what_was_heard(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        def speak() -> None:
            provider.begin()
            ids = {"item_id": "a", "response_id": "resp", "content_index": 0}
            provider.say("response.output_audio_transcript.done", transcript="one two three four five", **ids)
            provider.say_audio("a", SAID)
            provider.finish()

        at[20] = speak
        at[30] = caller_speaks(provider)

    body = """
    local transcript = Agent.transcript(client)
    Agent.bargeIn(client, { on_interrupt = function() print(transcript.text()) end })
    """
    done = call(tmp_path, body, script)
    assert np.array_equal(sound(done.right), SAID[: 10 * FRAME])
    assert done.wire == [("truncate", "a", 0, 200)]
    assert done.said == ["agent: one two …", "over"]


def test_the_call_ends_when_the_last_word_was_heard(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        def speak() -> None:
            provider.begin()
            provider.say_audio("a", SAID)
            provider.say("session.updated", session={})

        at[20] = speak
        # The goodbye comes late, after a silence.
        at[60] = lambda: (provider.say_audio("a", SAID), provider.finish())

    body = """
    client:addEventListener(Yandex.RealtimeAPIEvents.SessionUpdated, function()
      Agent.hangupAfterSpeech(call, client, { quiet_ms = 300 })
    end)
    """
    done = call(tmp_path, body, script)
    assert np.array_equal(sound(done.right), np.concatenate([SAID, SAID]))
    silent = len(done.right) - int(np.flatnonzero(done.right)[-1]) - 1
    assert 300 <= silent * 1000 / RATE <= 320


def test_the_question_into_silence_comes_after_the_agents_last_word(tmp_path: Path) -> None:
    def script(provider: ToldProvider, at: Moments) -> None:
        at[20] = lambda: (provider.begin(), provider.say_audio("a", SAID), provider.finish())
        at[60] = caller_speaks(provider)
        at[70] = lambda: speech_ended(provider)

    body = "Agent.idle(client, { first_ms = 500, on_idle = function() print('idle') end })"
    done = call(tmp_path, body, script)
    assert done.said == ["idle", "over"]
    # 500 ms after the caller's last word, which came after the agent's.
    assert round(done.times["idle"] * 1000) in range(70 * 20 + 500, 70 * 20 + 600)
