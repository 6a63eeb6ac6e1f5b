"""Spoken calls to the embedded server, end to end: how long answers take, and what calls cost. Prints JSON.

    python tests/bench/spoken_call.py [--turns 50] [--calls 1 10]

That many recorded human callers at once, five to a `voxrt run` at most (a session may have eight sockets), each with
`turns / calls` turns (at least two). CPU and memory are those of all processes together, CPU per call-second.
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
CALLS_PER_RUN = 5
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
        shares = [CALLS_PER_RUN] * (calls // CALLS_PER_RUN) + [calls % CALLS_PER_RUN]
        processes = [
            subprocess.Popen(
                [VOXRT, "run", "s.lua", *["--call", "script:c.toml"] * share, "--json"],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            for share in shares
            if share
        ]
        most_cpu, most_pss = 0.0, 0
        stop = threading.Event()

        def watch() -> None:
            nonlocal most_cpu, most_pss
            while not stop.wait(0.5):
                pids = [pid for process in processes for pid in family(process.pid)]
                most_cpu = max(most_cpu, cpu_s(pids))
                most_pss = max(most_pss, sum(pss_bytes(pid) or 0 for pid in pids))

        watcher = threading.Thread(target=watch)
        watcher.start()
        reports = [json.loads(process.communicate(timeout=1800)[0]) for process in processes]
        stop.set()
        watcher.join()
    call_seconds = sum(call["duration_ms"] for report in reports for call in report["calls"]) / 1000
    times = sorted(
        found["response_ms"]
        for report in reports
        for found in report["latency"].get("responses", [])
        if found.get("response_ms") is not None
    )
    return {
        "calls": calls,
        "exit_codes": [report["exit_code"] for report in reports],
        "turns": len(times),
        "response_p50_ms": times[len(times) // 2] if times else None,
        "response_p99_ms": times[min(len(times) - 1, int(len(times) * 0.99))] if times else None,
        "cpu_ms_per_call_second": round(most_cpu * 1000 / call_seconds, 1),
        "pss_mb": round(most_pss / 1e6, 1),
        "late_p99_ms": [report["media"]["late_p99_ms"] for report in reports],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=50)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 10])
    options = parser.parse_args()
    print(json.dumps([measure(calls, options.turns) for calls in options.calls], indent=1))


if __name__ == "__main__":
    main()
