"""Files saved while a call goes on: what the far ends hear, what the provider knows, and what a mistake leaves alone."""

from __future__ import annotations

import json
import subprocess
import wave
from pathlib import Path

import numpy as np

from scenario_driver import ScenarioDriver
from voxrt_command import StartVoxrt, check_output, wait_for
from voxruntime.audio import tonewords
from voxruntime.audio.pcm import PCM16
from voxruntime.session import eventlog_reader
from voxruntime.turn import messages

RATE = 8000
TONE_HZ = 437.0
"""A frame of it is no whole number of periods: one frame more or less is a jump in phase."""

AMPLITUDE = 8000.0

BRIDGE = """
local NAME = "@"
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local one = event.call
  one:answer()
  one:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  local other = VoxEngine.callPSTN("7495", "7916")
  other:addEventListener(CallEvents.Connected, function()
    VoxEngine.sendMediaBetween(one, other)
    other:record({ stereo = true })
    print("bridged", NAME, one:id(), other:id())
  end)
end)
"""

AGENT = """
local NAME = "@"
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  call:answer()
  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = VoxEngine.getSecretValue("YANDEX_API_KEY"),
    folderId = VoxEngine.getSecretValue("YANDEX_FOLDER_ID"),
  }))
  VoxEngine.sendMediaBetween(call, client)
  client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function(created)
    if created.reloaded then
      await(client:quiet(800))
      client:responseCreate({ instructions = "Say: still here" })
    else
      client:responseCreate({ instructions = "Greet the caller." })
    end
  end)
  client:addEventListener(
    Yandex.RealtimeAPIEvents.ConversationItemInputAudioTranscriptionCompleted,
    function(heard) print("heard", NAME, heard.data.payload.transcript) end
  )
  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputItemDone, function(done)
    if NAME == "second" and done.data.payload.item.content[1].transcript == "Your account is closed." then
      client:addEventListener(Yandex.Events.WebSocketMediaEnded, function() call:hangup() end)
    end
  end)
end)
"""

DIALOGUE = """
[state.desk]
say = "Account or card?"
[[state.desk.expect]]
phrases = ["account"]
say = "Which account?"
next = "account"
[state.account]
[[state.account.expect]]
phrases = ["savings"]
say = "Your account is closed."
"""

CALLER = """
[[step]]
wait = "agent_finished"
[[step]]
say = "account"
[[step]]
wait = "agent_finished"
[[step]]
wait = "agent_finished"
[[step]]
say = "savings"
[[step]]
wait = "agent_finished"
[[step]]
pause_ms = 20000
[[step]]
hangup = true
"""


def tone(seconds: float) -> PCM16:
    moments = np.arange(round(seconds * RATE)) / RATE
    return np.rint(AMPLITUDE * np.sin(2 * np.pi * TONE_HZ * moments)).astype(np.int16)


def write_wav(path: Path, samples: PCM16) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())


def right_channel(path: Path) -> PCM16:
    with wave.open(str(path)) as file:
        assert file.getframerate() == RATE
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return samples.reshape(-1, 2)[:, 1]


def sounding(samples: PCM16) -> PCM16:
    """Returns what lies between the first and the last sound."""
    (heard,) = np.nonzero(samples)
    return samples[heard[0] : heard[-1] + 1]


def discontinuity(samples: PCM16) -> float:
    """Returns the largest deviation from one sine: x[n] = 2 cos(w) x[n-1] - x[n-2]."""
    x = samples.astype(np.float64)
    return float(np.abs(x[2:] - 2 * np.cos(2 * np.pi * TONE_HZ / RATE) * x[1:-1] + x[:-2]).max())


def save(path: Path, text: str) -> None:
    """Saves as careful editors do: a new file takes the place of the old one."""
    path.with_suffix(".tmp").write_text(text, encoding="utf-8")
    path.with_suffix(".tmp").replace(path)


def finish(process: subprocess.Popen[str], seen: str) -> str:
    stdout, rest = process.communicate(timeout=60)
    check_output(seen + rest)
    assert process.returncode == 0, seen + rest
    return stdout


def test_a_tone_between_two_calls_goes_on_across_reloads_without_gap_or_jump(
    start_voxrt: StartVoxrt, tmp_path: Path
) -> None:
    write_wav(tmp_path / "tone.wav", tone(5.0))
    write_wav(tmp_path / "quiet.wav", np.zeros(60 * RATE, dtype=np.int16))
    scenario = tmp_path / "s.lua"
    scenario.write_text(BRIDGE.replace("@", "first"), encoding="utf-8")
    caller = ("--call", "wav:tone.wav", "--callee", "*=wav:quiet.wav", "--hangup-after", "0")
    process = start_voxrt(
        "run", "s.lua", "--reload", "--json", "--record", "out.wav", "--events", "e.jsonl", *caller
    )
    seen = wait_for(process, "bridged\tfirst")
    save(scenario, BRIDGE.replace("@", "second"))
    seen += wait_for(process, "bridged\tsecond")
    save(scenario, BRIDGE.replace("@", "broken").replace("one:answer()", "one:answer("))
    seen += wait_for(process, "[script.syntax]")
    save(scenario, 'require("missing")')
    seen += wait_for(process, "[module.not_found]")
    save(scenario, BRIDGE.replace("@", "third"))
    seen += wait_for(process, "bridged\tthird")
    report = json.loads(finish(process, seen))

    assert [(call["direction"], call["state"]) for call in report["calls"]] == [
        ("incoming", "TERMINATED"),
        ("outgoing", "TERMINATED"),
    ]
    bridges = [entry["text"].split("\t") for entry in report["log"] if entry["text"].startswith("bridged")]
    assert [name for _, name, *_ in bridges] == ["first", "second", "third"]
    assert len({tuple(ids) for _, _, *ids in bridges}) == 1
    # What the called party heard, from the operator's recording and from the scenario's own.
    files = [tmp_path / "out-2.wav", *(tmp_path / "recordings").glob("*.wav")]
    assert len(files) == 2
    for file in files:
        heard = sounding(right_channel(file))
        assert len(heard) > 3 * RATE
        assert discontinuity(heard) < 8
    log = eventlog_reader.read(tmp_path / "e.jsonl")
    assert list(log.generations) == [1, 2, 3]
    assert log.generations[3].load.reloaded
    assert [live.op for live in log.generations[3].load.inherited.live] == ["call.start"]


def test_a_conversation_goes_on_with_the_new_code(start_voxrt: StartVoxrt, tmp_path: Path) -> None:
    scenario = tmp_path / "s.lua"
    scenario.write_text(AGENT.replace("@", "first"), encoding="utf-8")
    (tmp_path / "s.dialogue.toml").write_text(DIALOGUE, encoding="utf-8")
    (tmp_path / "c.toml").write_text(CALLER, encoding="utf-8")
    options = (
        "--no-speech",
        "--json",
        "--events",
        "e.jsonl",
        "--record",
        "out.wav",
        "--call",
        "script:c.toml",
    )
    process = start_voxrt("run", "s.lua", "--reload", *options)
    seen = wait_for(process, "agent: Which account?")
    save(scenario, AGENT.replace("@", "second"))
    seen += wait_for(process, "reloaded s.lua")
    report = json.loads(finish(process, seen))
    texts = [entry["text"] for entry in report["log"]]
    assert "heard\tfirst\taccount" in texts
    assert "heard\tsecond\tsavings" in texts
    (client,) = report["realtime"]
    assert client["events"]["SessionCreated"] == 1
    assert client["events"]["ResponseDone"] == 4
    # The code changed while "Which account?" was being said: every word of it was heard.
    said = tonewords.decode(right_channel(tmp_path / "out.wav"), RATE)
    assert said == "Account or card? Which account? still here Your account is closed."
    replay(tmp_path / "e.jsonl", 2)


def replay(path: Path, number: int) -> None:
    """Runs one generation of a log once more: it must do what it did."""
    generation = eventlog_reader.read(path).generations[number]
    with ScenarioDriver() as driver:
        scenario = driver.spawn()
        for exchange in generation.exchanges:
            fresh = scenario.exchange(exchange.message)
            assert exchange.reply is not None
            assert generation.canonical(fresh) == messages.encode(exchange.reply)


def test_ten_saves_at_once_settle_on_the_last_and_a_changed_dialogue_is_followed(
    start_voxrt: StartVoxrt, tmp_path: Path
) -> None:
    scenario = tmp_path / "s.lua"
    scenario.write_text(AGENT.replace("@", "first"), encoding="utf-8")
    (tmp_path / "s.dialogue.toml").write_text(DIALOGUE, encoding="utf-8")
    (tmp_path / "c.toml").write_text(CALLER, encoding="utf-8")
    process = start_voxrt("run", "s.lua", "--reload", "--no-speech", "--json", "--call", "script:c.toml")
    seen = wait_for(process, "agent: Which account?")
    save(tmp_path / "s.dialogue.toml", DIALOGUE.replace("Your account is closed.", "You are rich."))
    seen += wait_for(process, "the embedded server follows it")
    for number in range(9):
        scenario.write_text(AGENT.replace("@", f"save {number}"), encoding="utf-8")
    scenario.write_text(
        AGENT.replace("@", "second").replace("Your account is closed.", "You are rich."), encoding="utf-8"
    )
    report = json.loads(finish(process, seen))
    texts = [entry["text"] for entry in report["log"]]
    assert "heard\tsecond\tsavings" in texts
