"""A whole call with nothing but the base install: what was said, heard and recorded, from the sound itself."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np

from voxrt_command import RunVoxrt
from voxruntime.audio import tonewords
from voxruntime.audio.pcm import PCM16
from voxruntime.config import shipped

CALLER = shipped("scenarios") / "builtin.caller.toml"


def channels(path: Path) -> tuple[int, PCM16, PCM16]:
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    return rate, samples[:, 0], samples[:, 1]


def test_the_caller_is_greeted_understood_and_answered(run_voxrt: RunVoxrt) -> None:
    done = run_voxrt(
        "run",
        "hello",
        "--no-speech",
        "--call",
        f"script:{CALLER}",
        "--record",
        "out.wav",
        "--events",
        "out.jsonl",
        "--json",
        "--verbose",
    )
    media = done.report["media"]
    assert isinstance(media, dict)
    assert media["ticks"] > 100
    assert 0 < media["load_max_pct"] <= 100
    assert media["late_recent_p99_ms"] >= 0
    assert f"media: ticks {media['ticks']}" in done.stderr
    # Both stages of each tick; the last tick may have ended after its first.
    assert sum(media["late_histogram"].values()) in {2 * media["ticks"] - 1, 2 * media["ticks"]}
    rate, caller, agent = channels(done.folder / "out.wav")
    assert rate == 8000
    assert tonewords.decode(caller, rate) == "hello goodbye"
    said = tonewords.decode(agent, rate)
    assert said is not None
    assert said.startswith("Hello! I am the emulated agent.")
    assert said.endswith("Hello again! Goodbye!")

    (client,) = done.report["realtime"]  # type: ignore[misc]
    playout = client["playout"]  # type: ignore[index]
    assert playout["played_ms"] > 2000
    assert playout["queued_max_ms"] > 0
    assert f"Yandex client {client['id']}: played_ms {playout['played_ms']}" in done.stderr  # type: ignore[index]
    events = client["events"]  # type: ignore[index]
    assert events["SessionCreated"] == 1
    assert events["ResponseDone"] == 3
    assert events["ConversationItemInputAudioTranscriptionCompleted"] == 2
    (call,) = done.report["calls"]  # type: ignore[misc]
    assert (call["state"], call["code"], call["direction"]) == ("TERMINATED", 200, "incoming")  # type: ignore[index]
    assert done.report["recordings"] == ["out.wav"]

    heard = [
        json.loads(line["text"])["transcript"]
        for line in map(json.loads, (done.folder / "out.jsonl").read_text(encoding="utf-8").splitlines())
        if line["kind"] == "wire" and "input_audio_transcription.completed" in line["text"]
    ]
    assert heard == ["hello", "goodbye"]


def test_words_outside_the_dialogue_are_not_understood(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    steps = [
        'wait = "agent_finished"',
        'say = "purple elephants"',
        'wait = "agent_finished"',
        "hangup = true",
    ]
    (tmp_path / "c.toml").write_text("".join(f"[[step]]\n{step}\n" for step in steps), encoding="utf-8")
    done = run_voxrt(
        "run", "hello", "--no-speech", "--call", "script:c.toml", "--no-speech", "--record", "out.wav"
    )
    rate, _caller, agent = channels(done.folder / "out.wav")
    said = tonewords.decode(agent, rate)
    assert said is not None
    assert "Sorry, I did not understand that." in said


def test_an_outgoing_call_is_answered_by_its_callee(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text(
        """
        VoxEngine.addEventListener(AppEvents.Started, function()
          local call = VoxEngine.callPSTN("74951112233", "79160001122")
          for _, name in ipairs({ "Ringing", "Connected" }) do
            call:addEventListener(CallEvents[name], function(e) print(e.name) end)
          end
          call:addEventListener(CallEvents.Disconnected, function(e)
            print(e.name, e.direction)
            VoxEngine.terminate()
          end)
        end)
        """,
        encoding="utf-8",
    )
    (tmp_path / "callee.toml").write_text(
        '[[step]]\nsay = "yes"\n[[step]]\nhangup = true\n', encoding="utf-8"
    )
    callee = "7495*=script:callee.toml"
    done = run_voxrt(
        "run",
        "s.lua",
        "--no-speech",
        "--call",
        "none",
        "--callee",
        callee,
        "--no-speech",
        "--record",
        "out.wav",
        "--json",
    )
    assert done.log == ["Call.Ringing", "Call.Connected", "Call.Disconnected\toutgoing"]
    rate, callee_said, _heard = channels(done.folder / "out.wav")
    assert tonewords.decode(callee_said, rate) == "yes"


def test_several_scenarios_share_one_context(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "a.lua").write_text("shared = 'from a'\nrequire('lib')", encoding="utf-8")
    (tmp_path / "b.lua").write_text("print(shared, from_lib) VoxEngine.terminate()", encoding="utf-8")
    (tmp_path / "lib.lua").write_text("from_lib = 'and its module'", encoding="utf-8")
    assert run_voxrt("run", "a.lua", "b.lua", "--call", "none", "--no-speech", "--json").log == [
        "from a\tand its module"
    ]
