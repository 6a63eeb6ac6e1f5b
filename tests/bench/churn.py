"""Prints, as one JSON object, what many calls that come and go leave behind in an engine.

    python tests/bench/churn.py --sessions 100 --minutes 30 [--shortest 10 --longest 30]

Each call is a whole session as in `capacity.py`: a scenario process bridges it to a client at a server that echoes all
audio, and handles ten events a second. It lasts some seconds; the moment it is gone another takes its place, so that there
are always as many, and places in the graph and in the resamplers are used again and again.

`slope_kb_per_min` is how memory grows, KB a minute for each session: the engine's RSS, zygote and io process, and the
scenario processes (PSS, as of that many). It is the slope of a line through all samples after the first sixth of the run.
`left` is what the engine still has once the last call has ended, beyond what it had before the first: descriptors, tasks,
threads, objects that the collector sees; and which processes there are then, and after the engine has closed. `late` is how
late ticks were, in ms; `collector` how often it came on its own and how long it took at most, in ms, by generation.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from capacity import PARTY, echo_server
from machine import ONE_THREAD, Stolen, machine_now

from engine_network import connect_to, nobody
from run_processes import ENGINE, IO, SCENARIO, ZYGOTE, processes_of
from voxruntime import event_loop, platform
from voxruntime.audio.pcm import PCM16
from voxruntime.call.leg import CallParty, LegEvents
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.engine import Engine, settle_memory
from voxruntime.errors import ConfigError
from voxruntime.files.client import FileProcess
from voxruntime.providers.interface import Network
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.observer import SessionObserver
from voxruntime.session.services import RecordingPlan, SessionPlan
from voxruntime.turn.messages import SourceFile

BRIDGE = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)
  event.call:answer()
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "bench", folderId = "bench" }))
  client:sessionUpdate({ session = { instructions = "Echo." } })
  VoxEngine.sendMediaBetween(event.call, client)
  local handled = 0
  setInterval(function() handled = handled + 1 end, 100)
end)
"""
RATE = 8000
KIB = 1024
RAMP_S = 0.1
"""Between two calls at the beginning, and before another try where the engine was full."""
SAMPLES, LEAST_S = 200, 1.0
"""Of memory in a run, and the least seconds between two."""
WARM_UP = 1 / 6
FULL = 0.9
"""Part of the sessions that must be running for a sample to count: processes that share less have a larger PSS."""


class Caller:
    """A far end that talks all the time and hangs up in the end."""

    rate = RATE

    def __init__(self) -> None:
        self._frame = np.random.default_rng(1).integers(-9000, 9000, RATE // 50).astype(np.int16)
        self._events: LegEvents | None = None
        self.heard = 0

    def open(self, party: CallParty, events: LegEvents) -> None:
        self._events = events

    def answer(self, headers: Mapping[str, str]) -> None: ...

    def reject(self, status: int) -> None: ...

    def hang_up(self, headers: Mapping[str, str]) -> None: ...

    def leave(self) -> None:
        assert self._events is not None
        self._events.on_hung_up(200, "")

    def pull(self) -> PCM16 | None:
        return self._frame

    def push(self, frame: PCM16 | None) -> None:
        self.heard += frame is not None


class Exchange:
    """Keeps a number of calls going in one engine."""

    def __init__(self, clock: Clock, files: FileProcess, scenarios: ScenarioHost, url: str) -> None:
        self._clock = clock
        network = Network(clock, files.resolve, asyncio.get_running_loop().create_task)
        self._random = random.Random(1)
        self.engine = Engine(clock, Limits(), files, scenarios, nobody, connect_to(url, network))
        self.results: Counter[str] = Counter()
        self.frames_heard = 0

    async def keep_up(self, sessions: int, options: argparse.Namespace) -> None:
        """Has as many calls as asked for until the time is over, and returns once the last has ended."""
        over = self._clock.now() + options.minutes * 60

        async def line(place: int) -> None:
            await self._clock.sleep(place * RAMP_S)
            while self._clock.now() < over:
                await self._call(self._random.uniform(options.shortest, options.longest))

        await asyncio.gather(*(line(place) for place in range(sessions)))

    async def _call(self, seconds: float) -> None:
        plan = SessionPlan(
            "churn", [SourceFile("bridge.lua", BRIDGE)], {}, 1, RecordingPlan(Path("/nowhere"))
        )
        try:
            session = self.engine.open_session(plan, SessionObserver())
        except ConfigError as error:
            self.results[error.code] += 1
            await self._clock.sleep(RAMP_S)
            return
        caller = Caller()
        session.alert(caller, PARTY)
        leave = self._clock.call_later(seconds, caller.leave)
        outcome = await session.run()
        leave.cancel()
        self.engine.release_session(session)
        self.results[outcome.result if outcome.error is None else outcome.error.code] += 1
        self.frames_heard += caller.heard


class CollectorWatch:
    """Times the collections of garbage, by generation."""

    def __init__(self) -> None:
        self._begun = 0.0
        self.times: dict[int, list[float]] = {}
        gc.callbacks.append(self._on_collection)

    def _on_collection(self, phase: str, about: Mapping[str, int]) -> None:
        if phase == "start":
            self._begun = time.perf_counter()
        else:
            self.times.setdefault(about["generation"], []).append((time.perf_counter() - self._begun) * 1000)

    def close(self) -> dict[str, object]:
        gc.callbacks.remove(self._on_collection)
        return {
            str(generation): {"times": len(times), "max_ms": round(max(times), 2)}
            for generation, times in sorted(self.times.items())
        }


def footprint() -> dict[str, int]:
    """What this process holds of everything that must not grow."""
    gc.collect()
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        "threads": len(os.listdir("/proc/self/task")),
        "objects": len(gc.get_objects()),
    }


async def engine(options: argparse.Namespace) -> dict[str, object]:
    """Runs the calls in this process."""
    clock = Clock(asyncio.get_running_loop())
    files, scenarios = FileProcess(clock), ScenarioHost(clock, warm=0)
    await scenarios.start()
    await files.start()
    exchange = Exchange(clock, files, scenarios, options.url)
    settle_memory()
    # What the first call imports and makes for good is no loss.
    await exchange.keep_up(1, argparse.Namespace(minutes=0.01, shortest=1.0, longest=1.0))
    before, begun = footprint(), time.monotonic()
    collector = CollectorWatch()
    await exchange.keep_up(options.sessions, options)
    collections = collector.close()
    minutes = (time.monotonic() - begun) / 60
    left = {name: now - before[name] for name, now in footprint().items()}
    processes = {role: len(pids) for role, pids in processes_of(os.getpid()).items()}
    figures = exchange.engine.media_figures()
    exchange.engine.close()
    await files.close()
    await scenarios.close()
    return {
        "minutes": round(minutes, 2),
        "calls": dict(exchange.results),
        "audio_out_s": round(exchange.frames_heard / 50),
        "late": {name: value for name, value in figures.items() if "late" in name or "skipped" in name},
        "collector": collections,
        "load_max_pct": figures["load_max_pct"],
        "left": left,
        "processes_left": processes,
    }


def born(pid: int) -> str:
    """When a process began: numbers are given again."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def rss_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * KIB


def sample(pid: int, sessions: int) -> dict[str, float] | None:
    """Memory of an engine and its processes now, in KB; None while not all of them are there."""
    try:
        processes = processes_of(pid)
        scenarios = [pss for one in processes.get(SCENARIO, []) if (pss := platform.pss_bytes(one))]
        helpers = [platform.pss_bytes(one) or 0 for role in (ZYGOTE, IO) for one in processes.get(role, [])]
        grown = rss_bytes(pid)
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None
    if len(scenarios) < FULL * sessions:
        return None
    return {
        "at_min": time.monotonic() / 60,
        ENGINE: grown / KIB,
        "helpers": sum(helpers) / KIB,
        SCENARIO: sum(scenarios) / len(scenarios) * sessions / KIB,
    }


def slopes(samples: list[dict[str, float]], sessions: int) -> dict[str, float]:
    """Returns how each part grows, KB a minute and session, and all together."""
    settled = samples[int(len(samples) * WARM_UP) :]
    minutes = [one["at_min"] for one in settled]
    found = {
        part: float(np.polyfit(minutes, [one[part] for one in settled], 1)[0]) / sessions
        for part in (ENGINE, "helpers", SCENARIO)
    }
    return {name: round(slope, 3) for name, slope in (found | {"all": sum(found.values())}).items()}


def run(options: argparse.Namespace, url: str) -> dict[str, object]:
    """Watches an engine in a process of its own, so that watching is no part of what it does."""
    command = [sys.executable, __file__, "--url", url]
    for name in ("sessions", "minutes", "shortest", "longest"):
        command += [f"--{name}", str(getattr(options, name))]
    samples, stolen, seen = [], Stolen(), {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        due = time.monotonic()
        while process.poll() is None:
            if time.monotonic() >= due:
                due += max(LEAST_S, options.minutes * 60 / SAMPLES)
                seen |= {one: born(one) for found in processes_of(process.pid).values() for one in found}
                if (found := sample(process.pid, options.sessions)) is not None:
                    samples.append(found)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=max(0.0, due - time.monotonic()))
        assert process.stdout is not None
        result = json.loads(process.stdout.read())
    first, last = samples[int(len(samples) * WARM_UP)], samples[-1]
    return {
        "sessions": options.sessions,
        **result,
        "processes_after": sum(bool(since) and born(pid) == since for pid, since in seen.items()),
        "slope_kb_per_min": slopes(samples, options.sessions),
        "memory_mb": {
            part: [round(first[part] / KIB, 1), round(last[part] / KIB, 1)]
            for part in (ENGINE, "helpers", SCENARIO)
        },
        "samples": len(samples),
        "stolen_pct": stolen.percent(),
        **machine_now(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures what calls that come and go leave behind.")
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--shortest", type=float, default=10.0, help="seconds of the shortest call")
    parser.add_argument("--longest", type=float, default=30.0)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # numpy reads it when it is imported.
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    if options.url:
        print(json.dumps(event_loop.run(engine(options))))
        return
    with echo_server(tls=False) as (url, _):
        print(json.dumps(run(options, url), indent=1))


if __name__ == "__main__":
    main()
