"""Callers who interrupt: how soon the agent is silent, and how true what the provider is told of it. Prints JSON.

    python tests/bench/barge_in.py [--interruptions 12] [--calls 2] [--tones]

Each call is a `voxrt run` of its own with a recorded human caller (energy instead of voice detection with `--tones`), who
speaks into a long answer again and again. All of it is read from the recording: the onset of speech in the left channel,
the last sample of the agent's in the right one; and `audio_end_ms` against the place in the item's own audio at which the
right channel ends. Interruptions in a pause of the agent's, where the recording cannot tell, are left out and counted.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
import tempfile
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
from machine import environment, machine_now, percentiles

from voxruntime.audio.pcm import PCM16
from voxruntime.audio.resample import convert
from voxruntime.config import shipped

VOXRT = Path(sys.executable).parent / "voxrt"
CLIPS = ("en-call-forwarding.wav", "en-do-not-disturb.wav")
RATE = 8000
AUDIBLE = 300
"""Samples above this are somebody's voice: -41 dBFS; the line itself is silent here."""
GAP = RATE // 5
"""Samples without sound between two stretches of speech."""
SLACK_S = 0.06
"""How long after the truncation was sent a frame may still be on its way to the recording."""
PAUSE_S = 0.03
"""An agent that would have said nothing in the 30 ms after the cut was in a pause."""

SCENARIO = """
require(Modules.Yandex)
local Agent = require("agent")
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  call:answer()
  call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "emulator", folderId = "emulator" }))
  VoxEngine.sendMediaBetween(call, client)
  Agent.bargeIn(client)
  client:responseCreate({ instructions = "Talk." })
end)
"""

TALK = (
    "I go on and on about the weather, the trains, the price of tea, and whatever else comes to my mind, " * 3
)
DIALOGUE = f'language = "en-US"\n[state.talk]\nsay = "{TALK}"\nno_match = "{TALK}"\nbarge_in = "{TALK}"\n'


def caller(interruptions: int) -> str:
    steps = ['wait = "agent_speaks"']
    for turn in range(interruptions):
        clip = shipped("scenarios") / "audio" / CLIPS[turn % len(CLIPS)]
        # Not always at the same place of a frame, a word or a sentence.
        steps += [f"pause_ms = {700 + 137 * turn % 400}", f'play = "{clip}"', 'wait = "agent_speaks"']
    return "".join(f"[[step]]\n{step}\n" for step in [*steps, "hangup = true"])


def onsets(channel: PCM16) -> list[int]:
    """Returns where sound begins after a silence of GAP."""
    loud = np.flatnonzero(np.abs(channel.astype(np.int32)) > AUDIBLE)
    return [int(place) for place, before in zip(loud, [-GAP, *loud], strict=False) if place - before >= GAP]


class Cut(NamedTuple):
    """One interruption, as the wire has it; times in s since the call was connected."""

    item_id: str
    audio_end_ms: int
    noticed_s: float
    told_s: float


class Call:
    """One recorded call, read from its files."""

    def __init__(self, folder: Path) -> None:
        with wave.open(str(folder / "out.wav")) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
        self.left, self.right = samples[:, 0], samples[:, 1]
        self.cuts: list[Cut] = []
        self._items: dict[str, list[PCM16]] = {}
        connected_ms = noticed_s = 0.0
        for line in map(json.loads, (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()):
            if line["kind"] == "call" and line["state"] == "CONNECTED":
                connected_ms = line["t_ms"]
            message = (
                json.loads(line["text"]) if line["kind"] == "wire" and line.get("text") else {"type": ""}
            )
            since_s = (line["t_ms"] - connected_ms) / 1000
            if message["type"] == "response.output_audio.delta":
                pcm = np.frombuffer(base64.b64decode(message["delta"]), dtype="<i2")
                self._items.setdefault(message["item_id"], []).append(pcm)
            elif message["type"] == "input_audio_buffer.speech_started":
                noticed_s = since_s
            elif message["type"] == "conversation.item.truncate":
                self.cuts.append(Cut(message["item_id"], message["audio_end_ms"], noticed_s, since_s))

    def item(self, item_id: str) -> PCM16:
        """All of an item's audio at the call's rate."""
        return convert(np.concatenate(self._items[item_id]), 24000, RATE)

    def last_sample(self, cut: Cut) -> int:
        """The place in the recording at which the agent fell silent."""
        heard = np.flatnonzero(self.right[: round((cut.told_s + SLACK_S) * RATE)])
        return int(heard[-1]) + 1


def heard_samples(call: Call, item_id: str, end: int) -> int | None:
    """How much of an item stands in the recording before `end`; None where the item itself is silent there."""
    item = call.item(item_id)
    # The last half second before the end is somewhere in the item, once.
    width = RATE // 2
    sought = call.right[end - width : end].astype(np.float64)
    places = np.correlate(item.astype(np.float64), sought, mode="valid")
    heard = int(np.argmax(places)) + width
    follows = item[heard : heard + int(PAUSE_S * RATE)]
    return heard if follows.any() and np.abs(follows).max() > AUDIBLE else None


def judge(call: Call) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"onset": [], "noticed": [], "error": [], "in_a_pause": []}
    begins = onsets(call.left)
    for cut in call.cuts:
        end = call.last_sample(cut)
        onset = max((begin for begin in begins if begin < end), default=None)
        heard = heard_samples(call, cut.item_id, end)
        if heard is None or onset is None:
            found["in_a_pause"].append(0)
            continue
        found["onset"].append((end - onset) * 1000 / RATE)
        found["noticed"].append(end * 1000 / RATE - cut.noticed_s * 1000)
        found["error"].append(cut.audio_end_ms - heard * 1000 / RATE)
    return found


def measure(calls: int, interruptions: int, options: list[str]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / str(number) for number in range(calls)]
        running = []
        for folder in folders:
            folder.mkdir()
            for file, text in {
                "s.lua": SCENARIO,
                "s.dialogue.toml": DIALOGUE,
                "c.toml": caller(interruptions),
            }.items():
                (folder / file).write_text(text, encoding="utf-8")
            command = [
                VOXRT,
                "run",
                "s.lua",
                "--call",
                "script:c.toml",
                "--record",
                "out.wav",
                "--json",
                *options,
            ]
            command += ["--events", "out.jsonl", "--record-media"]
            running.append(
                subprocess.Popen(
                    command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                )
            )
        reports = [json.loads(process.communicate(timeout=600)[0]) for process in running]
        judged = [judge(Call(folder)) for folder in folders]
    every = {name: [value for one in judged for value in one[name]] for name in judged[0]}
    seconds = sum(call["duration_ms"] for report in reports for call in report["calls"]) / 1000
    traffic = [client["traffic"] for report in reports for client in report["realtime"]]
    return {
        "exit_codes": [report["exit_code"] for report in reports],
        "interruptions": len(every["onset"]),
        "in_a_pause": len(every["in_a_pause"]),
        "onset_to_silence_ms": percentiles(every["onset"], 50, 90, 99),
        "speech_started_to_silence_ms": percentiles(every["noticed"], 50, 99),
        "audio_end_error_ms": percentiles([abs(value) for value in every["error"]], 50, 99),
        "audio_end_bias_ms": round(float(np.mean(every["error"])), 2),
        "per_second_of_a_call": {
            name: round(sum(one[name] for one in traffic) / seconds, 1) for name in traffic[0]
        },
        "late_p99_ms": [report["media"]["late_p99_ms"] for report in reports],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interruptions", type=int, default=12, help="of each call")
    parser.add_argument("--calls", type=int, default=2)
    parser.add_argument("--tones", action="store_true", help="no speech extra: energy decides")
    options = parser.parse_args()
    found = measure(options.calls, options.interruptions, ["--no-speech"] if options.tones else ["--speech"])
    print(json.dumps({"machine": machine_now(), **found}, indent=1))


if __name__ == "__main__":
    main()
