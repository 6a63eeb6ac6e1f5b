"""What a dialogue file sets about the embedded server reaches the scenario, over the socket of a whole run."""

from __future__ import annotations

import json
from pathlib import Path

from voxrt_command import RunVoxrt

SCENARIO = """
require(Modules.Yandex)

local NAMES = {
  "InputAudioBufferDTMFEventReceived", "OutputAudioBufferStarted", "OutputAudioBufferStopped",
  "OutputAudioBufferCleared", "ConversationItemInputAudioTranscriptionDelta",
  "ConversationItemInputAudioTranscriptionSegment", "ConversationItemInputAudioTranscriptionFailed",
  "ResponseOutputAudioTranscriptDelta", "ResponseDone",
}

VoxEngine.addEventListener(AppEvents.CallAlerting, function(alerting)
  local call = alerting.call
  call:addEventListener(CallEvents.Connected, function()
    local client = await(Yandex.createRealtimeAPIClient({
      apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
      folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
    }))
    VoxEngine.sendMediaBetween(call, client)
    for _, name in ipairs(NAMES) do
      client:addEventListener(Yandex.RealtimeAPIEvents[name], function(event)
        local payload = event.data.payload
        local response = payload.response or {}
        Logger.write(name .. " " .. (payload.digit or payload.delta or payload.text or response.status or ""))
      end)
    end
    client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function()
      client:responseCreate({})
    end)
  end)
  call:addEventListener(CallEvents.Disconnected, function()
    VoxEngine.terminate()
  end)
  call:answer()
end)
"""

DIALOGUE = """
[server]
transcription_deltas = true
transcription_segments = true
output_buffer_events = true
spoken_text = "transcript"

[state.a]
say = "Press keys."

[[state.a.expect]]
phrases = ["break it"]
say = "Now it breaks."
ending = "failed"

[[state.a.expect]]
phrases = ["tell me more"]
say = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
"""

CALLER = """
[[step]]
wait = "agent_finished"
[[step]]
say = "tell me more"
[[step]]
wait = "agent_speaks"
[[step]]
say = "break it"
[[step]]
wait = "agent_finished"
[[step]]
press = "47#"
[[step]]
pause_ms = 300
[[step]]
hangup = true
"""


def test_settings_reach_the_scenario(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "keys.lua").write_text(SCENARIO, encoding="utf-8")
    (tmp_path / "keys.dialogue.toml").write_text(DIALOGUE, encoding="utf-8")
    (tmp_path / "keys.caller.toml").write_text(CALLER, encoding="utf-8")
    done = run_voxrt("run", "keys.lua", "--no-speech", "--events", "out.jsonl", "--json")
    told = {name: [] for name in ("InputAudioBufferDTMFEventReceived", "ResponseDone")}
    for line in done.log:
        name, _, detail = line.partition(" ")
        told.setdefault(name, []).append(detail)
    assert "".join(told["InputAudioBufferDTMFEventReceived"]) == "47#"
    assert told["ResponseDone"][:3] == ["completed", "cancelled", "failed"]
    assert told["OutputAudioBufferStarted"]
    assert told["OutputAudioBufferStopped"]
    assert told["OutputAudioBufferCleared"]
    assert "".join(told["ConversationItemInputAudioTranscriptionDelta"]).startswith("tell me more")
    assert told["ConversationItemInputAudioTranscriptionSegment"][:2] == ["tell me more", "break it"]
    assert "".join(told["ResponseOutputAudioTranscriptDelta"]).startswith("Press keys.")


def test_faults_of_the_file_hit_the_run(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "keys.lua").write_text(SCENARIO, encoding="utf-8")
    dialogue = '[server]\nfaults = ["refuse:429"]\n[state.a]\n'
    (tmp_path / "keys.dialogue.toml").write_text(dialogue, encoding="utf-8")
    done = run_voxrt("run", "keys.lua", "--no-speech", "--json", exit_code=3)
    assert "429" in json.dumps(done.report["error"])
