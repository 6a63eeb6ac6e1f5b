"""Prints, as one JSON object, how soon saved code runs, and what a reloading session does to the others.

    python tests/bench/reload.py [--saves 100] [--calls 50] [--seconds 10] [--fifo]

`save_to_live_ms`: from the write of a scenario of 200 lines, under `voxrt run --reload` with a call that goes on, to the
line that its new code logs. `late_ms`: how late the frames of another call moved, among so many talking sessions, while
none reloads and while one reloads every second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import percentiles
from sessions import BRIDGE, SETTLE_S, Frames, connect, dial, open_session

from voxrt_command import VOXRT, environment
from voxruntime.clock import Clock, real_now
from voxruntime.config import Limits
from voxruntime.engine import Engine, settle_memory
from voxruntime.files.client import FileProcess
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.services import NewCode
from voxruntime.session.session import Session
from voxruntime.turn.messages import SourceFile

SCENARIO = """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:answer()
  event.call:addEventListener(CallEvents.Connected, function() print("live @.") end)
end)
""" + "".join(
    f"""
local function step_{number}(value)
  local doubled = value * 2
  return {{ value = doubled, name = "step {number}" }}
end
step_{number}({number})
"""
    for number in range(32)
)
"""Some 200 lines."""

RELOAD_EVERY_S = 1.0


def save_to_live(saves: int) -> dict[str, object]:
    """Saves again and again while a call goes on."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scenario = folder / "s.lua"
        scenario.write_text(SCENARIO, encoding="utf-8")
        with wave.open(str(folder / "quiet.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(1600))
        command = [VOXRT, "run", "s.lua", "--reload", "--no-speech", "--call", "wav:quiet.wav"]
        process = subprocess.Popen(
            [*command, "--hangup-after", "300"],
            cwd=folder,
            env=environment(None),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            return {"lines": SCENARIO.count("\n"), **percentiles(_saves(process, scenario, saves))}
        finally:
            process.kill()
            process.communicate()


def _saves(process: subprocess.Popen[str], scenario: Path, saves: int) -> list[float]:
    _read_to(process, "live @.")
    elapsed_ms = []
    # The first tells that the files are watched by now.
    for number in range(saves + 1):
        scenario.with_suffix(".new").write_text(SCENARIO.replace("@", str(number)), encoding="utf-8")
        saved_at = real_now()
        scenario.with_suffix(".new").replace(scenario)
        _read_to(process, f"live {number}.")
        elapsed_ms.append((real_now() - saved_at) * 1000)
    return elapsed_ms[1:]


def _read_to(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"{words!r} was never said")


async def beside_others(calls: int, seconds: float, *, fifo: bool) -> dict[str, object]:
    """Measures one call among others, before one of them reloads and while it does."""
    clock = Clock(asyncio.get_running_loop())
    files, scenarios = FileProcess(clock), ScenarioHost(clock, warm=2)
    await scenarios.start()
    await files.start()
    engine = Engine(clock, Limits(), files, scenarios, dial, connect)
    sessions = [open_session(engine) for _ in range(calls)]
    scheduling = engine.request_fifo(lambda _text: None).message if fifo else "normal"
    settle_memory()
    async with asyncio.TaskGroup() as group:
        for session in sessions:
            group.create_task(session.run())
        await clock.sleep(SETTLE_S)
        quiet = await _watch(sessions[0], clock, seconds)
        reloading = group.create_task(_reload(sessions[-1], clock))
        beside = await _watch(sessions[0], clock, seconds)
        reloading.cancel()
        for session in sessions:
            session.abandon()
    engine.close()
    await files.close()
    await scenarios.close()
    return {"calls": calls, "scheduling": scheduling, "none_reloads": quiet, "one_reloads": beside}


async def _watch(session: Session, clock: Clock, seconds: float) -> dict[str, float]:
    frames = Frames()
    session.watch(session.calls.active[0], frames)
    await clock.sleep(seconds)
    return frames.late()


async def _reload(session: Session, clock: Clock) -> None:
    number = 0
    while True:
        number += 1
        await session.reload(NewCode([SourceFile("bridge.lua", f"-- {number}\n{BRIDGE}")], {}, {}))
        await clock.sleep(RELOAD_EVERY_S)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures reloads.")
    parser.add_argument("--saves", type=int, default=100)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--fifo", action="store_true", help="ask for real-time scheduling")
    options = parser.parse_args()
    result: dict[str, object] = {}
    if options.saves:
        result["save_to_live_ms"] = save_to_live(options.saves)
    if options.calls:
        result["late_ms"] = asyncio.run(beside_others(options.calls, options.seconds, fifo=options.fifo))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
