"""Prints, as one JSON object, what a turn costs the engine, and what it holds for a session, without any media.

    python tests/bench/turns.py [--sessions 40] [--secs 5] [--memory]

Each session has a scenario process of its own, which handles a timer a hundred times a second: so often that the engine
does not sleep between any two turns. All of it runs on one processor. CPU is that of the engine alone, in µs for one turn:
the timer, the event, the turn there and the reply back, and the loop's wakeups for them; `scenario_us` is that of the
scenario process. `--memory` traces allocations instead, which makes everything slow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import cpu_s, machine_now

from run_processes import SCENARIO, processes_of
from voxruntime import event_loop
from voxruntime.clock import Clock, cpu_now
from voxruntime.config import Limits
from voxruntime.engine import settle_memory
from voxruntime.errors import InternalError
from voxruntime.files.client import FileProcess
from voxruntime.media.graph import Graph
from voxruntime.providers.interface import Spawn
from voxruntime.realtime.interface import ClientEvents, RealtimeClient
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.observer import SessionObserver
from voxruntime.session.services import RecordingPlan, SessionPlan, SessionServices
from voxruntime.session.session import Session
from voxruntime.turn.messages import ConnectRealtime, Reply, SourceFile, StartCall

TICKING = """
local handled = 0
for phase = 0, 90, 10 do
  setTimeout(function() setInterval(function() handled = handled + 1 end, 100) end, phase)
end
"""

SETTLE_S = 1.0
LINES = 12


class Turns(SessionObserver):
    """Counts the turns of all sessions."""

    def __init__(self) -> None:
        self.count = 0

    def on_reply(self, now: float, reply: Reply, elapsed_ms: float) -> None:
        self.count += 1


async def nobody(_command: StartCall) -> None:
    return None


def refuse(_spawn: Spawn, _command: ConnectRealtime, _events: ClientEvents) -> RealtimeClient:
    raise InternalError("internal.bench", "No session of this benchmark has a realtime client.")


def make_session(services: SessionServices, observer: SessionObserver) -> Session:
    plan = SessionPlan("bench", [SourceFile("ticking.lua", TICKING)], {}, 1, RecordingPlan(Path()))
    return Session(plan, services, observer)


async def measure(count: int, seconds: float, *, with_memory: bool) -> dict[str, object]:
    clock = Clock(asyncio.get_running_loop())
    files, scenarios = FileProcess(clock), ScenarioHost(clock, warm=0)
    await scenarios.start()
    await files.start()
    services = SessionServices(clock, Limits(idle_s=3600.0), Graph(), files, scenarios, nobody, refuse)
    turns = Turns()
    settle_memory()
    if with_memory:
        tracemalloc.start(8)
    sessions = [make_session(services, turns) for _ in range(count)]
    async with asyncio.TaskGroup() as group:
        for session in sessions:
            group.create_task(session.run())
            await clock.sleep(1 / count)
        await clock.sleep(SETTLE_S)
        result = held(count) if with_memory else await watch(turns, clock, seconds)
        for session in sessions:
            session.abandon()
    await files.close()
    await scenarios.close()
    return {"sessions": count, **result, **machine_now()}


async def watch(turns: Turns, clock: Clock, seconds: float) -> dict[str, object]:
    processes = processes_of(os.getpid())[SCENARIO]
    before, cpu, scenario_cpu = turns.count, cpu_now(), sum(map(cpu_s, processes))
    await clock.sleep(seconds)
    cpu, scenario_cpu = cpu_now() - cpu, sum(map(cpu_s, processes)) - scenario_cpu
    handled = turns.count - before
    return {
        "turns": handled,
        "engine_us": round(cpu / handled * 1e6, 1),
        "scenario_us": round(scenario_cpu / handled * 1e6, 1),
    }


def held(count: int) -> dict[str, object]:
    """Returns KB that Python holds for a session, and the lines that hold the most of it."""
    snapshot = tracemalloc.take_snapshot()
    lines = snapshot.statistics("lineno")
    return {
        "kb_per_session": round(sum(line.size for line in lines) / count / 1024, 1),
        "objects_per_session": round(sum(line.count for line in lines) / count),
        "most": [
            f"{line.size / count / 1024:.1f} KB, {line.count / count:.1f} objects: {line.traceback}"
            for line in lines[:LINES]
        ],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measures what turns cost the engine.")
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--secs", type=float, default=5.0)
    parser.add_argument("--memory", action="store_true", help="trace allocations instead")
    options = parser.parse_args(arguments)
    os.sched_setaffinity(0, {0})
    print(
        json.dumps(
            event_loop.run(measure(options.sessions, options.secs, with_memory=options.memory)), indent=1
        )
    )


if __name__ == "__main__":
    main()
