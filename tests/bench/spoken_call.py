"""Spoken calls to the embedded server, end to end: how long answers take, and what calls cost. Prints JSON.

    python tests/bench/spoken_call.py [--turns 50] [--calls 1 10]

For each number of calls one `voxrt run` is started: that many recorded human callers at once, in one session, each with
`turns / calls` turns (at least two). CPU and memory are those of all its processes together, per call-second.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from voxruntime.config import shipped
from voxruntime.platform import pss_bytes

VOXRT = Path(sys.executable).parent / "voxrt"
CLIPS = ("en-call-forwarding.wav", "en-do-not-disturb.wav")

SCENARIO = """
require(Modules.Yandex)
local calls = 0
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  calls = calls + 1
  call:addEventListener(CallEvents.Disconnected, function()
    calls = calls - 1
    if calls == 0 then
      VoxEngine.terminate()
    end
  end)
  call:answer()
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "emulator", folderId = "emulator" }))
  VoxEngine.sendMediaBetween(call, client)
  client:addEventListener(Yandex.RealtimeAPIEvents.SessionCreated, function()
    client:responseCreate({ instructions = "Greet the caller." })
  end)
  client:addEventListener(Yandex.RealtimeAPIEvents.InputAudioBufferSpeechStarted, function()
    client:clearMediaBuffer()
  end)
end)
"""

DIALOGUE = """
language = "en-US"
[state.desk]
say = "Hello!"
no_match = "Sorry?"
[[state.desk.expect]]
phrases = ["call forwarding"]
say = "Forwarding is on."
[[state.desk.expect]]
phrases = ["do not disturb"]
say = "Do not disturb is on."
"""


def caller(turns: int) -> str:
    steps = ['wait = "agent_finished"']
    for turn in range(turns):
        clip = shipped("scenarios") / "audio" / CLIPS[turn % len(CLIPS)]
        steps += [f'play = "{clip}"', 'wait = "agent_finished"']
    return "".join(f"[[step]]\n{step}\n" for step in [*steps, "hangup = true"])


def family(pid: int) -> list[int]:
    """Returns a process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for known in found:
        found += children.get(known, [])
    return found


def cpu_s(pids: list[int]) -> float:
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(calls: int, turns: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "s.lua").write_text(SCENARIO, encoding="utf-8")
        (folder / "s.dialogue.toml").write_text(DIALOGUE, encoding="utf-8")
        (folder / "c.toml").write_text(caller(max(2, turns // calls)), encoding="utf-8")
        command = [VOXRT, "run", "s.lua", *["--call", "script:c.toml"] * calls, "--json"]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        most_cpu, most_pss = 0.0, 0
        stop = threading.Event()

        def watch() -> None:
            nonlocal most_cpu, most_pss
            while not stop.wait(0.5):
                pids = family(process.pid)
                most_cpu = max(most_cpu, cpu_s(pids))
                most_pss = max(most_pss, sum(pss_bytes(pid) or 0 for pid in pids))

        watcher = threading.Thread(target=watch)
        watcher.start()
        stdout, _stderr = process.communicate(timeout=1800)
        stop.set()
        watcher.join()
    report = json.loads(stdout)
    call_seconds = sum(call["duration_ms"] for call in report["calls"]) / 1000
    return {
        "calls": calls,
        "exit_code": report["exit_code"],
        "response_time": report["latency"].get("response_time"),
        "cpu_ms_per_call_second": round(most_cpu * 1000 / call_seconds, 1),
        "pss_mb": round(most_pss / 1e6, 1),
        "late_p99_ms": report["media"]["late_p99_ms"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=50)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 10])
    options = parser.parse_args()
    print(json.dumps([measure(calls, options.turns) for calls in options.calls], indent=1))


if __name__ == "__main__":
    main()
