"""Prints, as one JSON object, what an engine with a number of talking sessions costs, and how punctual it is.

    python tests/bench/sessions.py --sessions 50 --seconds 5 [--fifo] [--record]

A session is whole: a scenario in a process of its own bridges two calls that talk all the time, and handles an event
ten times a second. `late` is how late the frames of one call moved, in ms. `pss_mb` is memory in proportion to how
many processes share it. `cpu_ms_per_session_s` is CPU time for one second of one session.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import Stolen, cpu_s, percentiles

from run_processes import ENGINE, IO, SCENARIO, ZYGOTE, processes_of
from voxruntime import event_loop, platform
from voxruntime.audio.pcm import FRAME_S, PCM16
from voxruntime.call.leg import CallParty, Leg, LegEvents
from voxruntime.clock import Clock, real_now
from voxruntime.config import Limits
from voxruntime.engine import Engine, settle_memory
from voxruntime.errors import InternalError
from voxruntime.files.client import FileProcess
from voxruntime.providers.interface import Spawn
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.observer import SessionObserver
from voxruntime.session.services import RecordingPlan, SessionPlan
from voxruntime.session.session import Session
from voxruntime.turn.messages import ConnectRealtime, SourceFile, StartCall

BRIDGE = """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:answer()
  if VoxEngine.customData() == "record" then event.call:record({ stereo = true }) end
  local other = VoxEngine.callPSTN("7495", "7916")
  other:addEventListener(CallEvents.Connected, function() VoxEngine.sendMediaBetween(event.call, other) end)
  local handled = 0
  setInterval(function() handled = handled + 1 end, 100)
end)
"""

RATE = 8000
SETTLE_S, POLL_S, OPEN_S = 1.0, 0.1, 30.0
MIB = 2**20


class Talker:
    """A far end that talks all the time, and answers when it is called."""

    rate = RATE

    def __init__(self) -> None:
        self._frame = np.random.default_rng(1).integers(-9000, 9000, RATE // 50).astype(np.int16)

    def open(self, party: CallParty, events: LegEvents) -> None:
        if party.number == "7495":
            events.on_answered({})

    def answer(self, headers: Mapping[str, str]) -> None: ...

    def reject(self, status: int) -> None: ...

    def hang_up(self, headers: Mapping[str, str]) -> None: ...

    def pull(self) -> PCM16 | None:
        return self._frame

    def push(self, frame: PCM16 | None) -> None: ...


class Frames:
    """When the frames of one call moved, against an absolute timetable of one each 20 ms."""

    def __init__(self) -> None:
        self._moments: list[float] = []

    def __call__(self, _from: PCM16 | None, _to: PCM16 | None) -> None:
        self._moments.append(real_now())

    def late(self) -> dict[str, float]:
        """Returns percentiles of how much later than the most punctual frame the others moved."""
        behind = np.array(self._moments) - np.arange(len(self._moments)) * FRAME_S
        return percentiles(((behind - behind.min()) * 1000).tolist())


async def dial(_command: StartCall) -> Leg | None:
    return Talker()


def connect(_spawn: Spawn, _command: ConnectRealtime, _events: ClientEvents) -> RealtimeClient:
    raise InternalError("internal.bench", "No session of this benchmark has a realtime client.")


def open_session(engine: Engine, recordings: Path | None = None) -> Session:
    plan = SessionPlan(
        "bench", [SourceFile("bridge.lua", BRIDGE)], {}, 1, RecordingPlan(recordings or Path())
    )
    plan.custom_data = "" if recordings is None else "record"
    session = engine.open_session(plan, SessionObserver())
    session.alert(Talker(), CallParty("pstn", "7916", "100"))
    return session


def mean_mb(pids: list[int]) -> float:
    return round(float(np.mean([(platform.pss_bytes(pid) or 0) / MIB for pid in pids])), 3)


async def measure(
    count: int, seconds: float, *, fifo: bool, recordings: Path | None = None
) -> dict[str, object]:
    clock = Clock(asyncio.get_running_loop())
    files, scenarios = FileProcess(clock), ScenarioHost(clock, warm=0)
    await scenarios.start()
    await files.start()
    engine = Engine(clock, Limits(), files, scenarios, dial, connect)
    sessions = [open_session(engine, recordings) for _ in range(count)]
    scheduling = engine.request_fifo(lambda _text: None).message if fifo else "normal"
    settle_memory()
    async with asyncio.TaskGroup() as group:
        for session in sessions:
            group.create_task(session.run())
        await until_talking(sessions, clock)
        await clock.sleep(SETTLE_S)
        result = await watch(sessions, clock, seconds)
        for session in sessions:
            session.abandon()
    engine.close()
    await files.close()
    await scenarios.close()
    recorded = sum(len(session.recordings.paths) for session in sessions)
    return {"sessions": count, "recordings": recorded, "scheduling": scheduling, **result}


async def until_talking(sessions: Sequence[Session], clock: Clock) -> None:
    """Returns when both calls of every session are connected, or when that takes too long."""
    deadline = clock.now() + OPEN_S
    while clock.now() < deadline and any(
        sum(call.source is not None for call in session.calls.active) < 2 for session in sessions
    ):
        await clock.sleep(POLL_S)


async def watch(sessions: Sequence[Session], clock: Clock, seconds: float) -> dict[str, object]:
    """Measures for some seconds, while all sessions talk."""
    processes = processes_of(os.getpid())
    assert len(processes[SCENARIO]) == len(sessions), "a session has ended, or never began"
    frames = Frames()
    sessions[0].watch(sessions[0].calls.active[0], frames)
    roles = (ENGINE, SCENARIO, IO)
    used = {role: sum(map(cpu_s, processes[role])) for role in roles}
    begun, stolen = real_now(), Stolen()
    await clock.sleep(seconds)
    session_s = (real_now() - begun) * len(sessions)
    return {
        "late": frames.late(),
        "stolen_pct": stolen.percent(),
        "cpu_ms_per_session_s": {
            role: round((sum(map(cpu_s, processes[role])) - used[role]) * 1000 / session_s, 3)
            for role in roles
        },
        "pss_mb": {role: mean_mb(processes[role]) for role in (ENGINE, ZYGOTE, IO, SCENARIO)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures an engine with talking sessions.")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--fifo", action="store_true", help="ask for real-time scheduling")
    parser.add_argument("--record", action="store_true", help="record every call")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        recordings = Path(folder) if options.record else None
        run = measure(options.sessions, options.seconds, fifo=options.fifo, recordings=recordings)
        print(json.dumps(event_loop.run(run)))


if __name__ == "__main__":
    main()
