"""Prints, as one JSON object, what runaway scenarios do to the calls of others on the same machine.

    python tests/bench/isolation.py [--sessions 20] [--seconds 4]

Talking sessions have audio both ways, every 20 ms: a caller, and a provider in a process of its own. Beside them one
and then four runaways of each kind are started. Everything is measured twice: with SCHED_FIFO and without. Times are
ms. `frames` is how late the frames of the talking sessions moved; `dropped` how many did not at all. `gone` is from a
runaway's start to its end by voxrt, and the CPU it had. `load` is the machine's load at the start. `pooled` has the
frames of all phases of a mode together, `beside_runaways` those of the phases with runaways; `stolen_pct` is the share
of the processors that the hypervisor gave to others meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import ONE_THREAD, Stolen

from engine_network import connect_to, nobody
from voxruntime import event_loop, platform
from voxruntime.audio.pcm import FRAME_S, PCM16
from voxruntime.call.leg import CallParty, LegEvents
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.engine import Engine, settle_memory
from voxruntime.files.client import FileProcess
from voxruntime.providers.interface import Network
from voxruntime.scenario.host import ScenarioHost
from voxruntime.scenario.process import Direction, ScenarioProcess
from voxruntime.session.observer import SessionObserver
from voxruntime.session.services import RecordingPlan, SessionPlan
from voxruntime.session.session import Session
from voxruntime.turn.messages import LogLine, Reply, SourceFile, Turn

TALK = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:answer()
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "bench", folderId = "bench" }))
  client:addEventListener(Yandex.RealtimeAPIEvents.ResponseOutputAudioTranscriptDelta, function() end)
  client:sessionUpdate({ session = { instructions = "Talk." } })
  VoxEngine.sendMediaBetween(event.call, client)
end)
"""

RUNAWAYS = {
    "loop": "while true do end",
    "pattern": "string.find(('a'):rep(3000), ('.-'):rep(6) .. 'b')",
    "memory": "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
    "log": "local function flood() for i = 1, 3000 do print('x') end setTimeout(flood, 0) end flood()",
    "commands": (
        "local function flood() for i = 1, 990 do VoxEngine.customData('x') end setTimeout(flood, 0) end flood()"
    ),
    "timers": "for i = 1, 100 do local function again() setTimeout(again, 1) end again() end",
}
"""The last three go on until they are stopped: they keep within every limit of a turn."""

ENDLESS = ("log", "commands", "timers")
ROOM_HZ = 24000
PARTY = CallParty("pstn", "7916", "7495")


class Caller:
    """A far end that talks all the time."""

    def __init__(self) -> None:
        self.rate = 8000
        self._frame = np.random.default_rng(1).integers(-9000, 9000, self.rate // 50).astype(np.int16)

    def open(self, party: CallParty, events: LegEvents) -> None:
        pass

    def answer(self, headers: object) -> None:
        pass

    def reject(self, status: int) -> None:
        pass

    def hang_up(self, headers: object) -> None:
        pass

    def pull(self) -> PCM16 | None:
        return self._frame

    def push(self, frame: PCM16 | None) -> None:
        pass


class Frames:
    """When the frames of one call moved, against the engine's timetable: one each 20 ms, none left out."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    def __call__(self, _from: PCM16 | None, _to: PCM16 | None) -> None:
        self.moments.append(time.monotonic())

    def late_ms(self) -> list[float]:
        """Returns how much later than the most punctual frame each moved."""
        behind = np.array(self.moments) - np.arange(len(self.moments)) * FRAME_S
        late_ms: list[float] = ((behind - behind.min()) * 1000).tolist()
        return late_ms


def lateness(late_ms: Sequence[float]) -> dict[str, float]:
    """Returns the figures of some frames."""
    return {
        "frames": len(late_ms),
        "late_p50": round(float(np.percentile(late_ms, 50)), 2),
        "late_p99": round(float(np.percentile(late_ms, 99)), 2),
        "late_max": round(max(late_ms), 2),
    }


class TurnTimes(SessionObserver):
    """How long turns took, from the engine's side."""

    def __init__(self) -> None:
        self.elapsed_ms: list[float] = []

    def on_reply(self, now: float, reply: Reply, elapsed_ms: float) -> None:
        self.elapsed_ms.append(elapsed_ms)


class Unheard:
    """Hears a process and keeps nothing."""

    sees_frames = False

    def on_log(self, line: LogLine) -> None:
        pass

    def on_frame(self, direction: Direction, body: bytes) -> None:
        pass


async def provide(connection: ServerConnection) -> None:
    """The provider: says its name, then speaks for ever, in real time."""
    sound = np.random.default_rng(2).integers(-9000, 9000, ROOM_HZ // 10).astype("<i2").tobytes()
    ids = {"item_id": "item", "response_id": "response", "content_index": 0, "output_index": 0}
    delta = {"type": "response.output_audio.delta", "delta": base64.b64encode(sound).decode()} | ids
    words = {"type": "response.output_audio_transcript.delta", "delta": "word"} | ids
    await connection.send(json.dumps({"type": "session.created", "session": {"id": "s"}}))

    async def hear() -> None:
        async for _ in connection:
            pass

    hearing = asyncio.create_task(hear())
    due = time.monotonic()
    with suppress(ConnectionClosed):
        while not hearing.done():
            await connection.send(json.dumps(delta))
            await connection.send(json.dumps(words))
            due += 0.1
            await asyncio.wait([hearing], timeout=max(0.0, due - time.monotonic()))


async def run_provider() -> None:
    """Serves until standard input ends; prints its port first. It has a processor of its own."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    async with serve(provide, "127.0.0.1", 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)


class Bench:
    """An engine with talking sessions, into which runaways are let."""

    def __init__(self, clock: Clock, files: FileProcess, scenarios: ScenarioHost, url: str) -> None:
        self.clock = clock
        self.scenarios = scenarios
        network = Network(clock, files.resolve, asyncio.get_running_loop().create_task)
        self.engine = Engine(clock, Limits(), files, scenarios, nobody, connect_to(url, network))
        self.late_ms: dict[str, list[float]] = {}
        self._running: dict[Session, asyncio.Task[object]] = {}

    def start(self, text: str, observer: SessionObserver | None = None) -> Session:
        """Starts a session."""
        plan = SessionPlan("bench", [SourceFile("s.lua", text)], {}, 1, RecordingPlan(Path("/nowhere")))
        session = self.engine.open_session(plan, observer or SessionObserver())
        self._running[session] = asyncio.get_running_loop().create_task(session.run())
        return session

    async def end(self, session: Session) -> str:
        """Waits for a session's end; returns the code of its fault."""
        outcome = await self._running.pop(session)
        self.engine.release_session(session)
        error = getattr(outcome, "error", None)
        return "" if error is None else str(error.code)

    async def end_all(self) -> None:
        for session in list(self._running):
            session.abandon()
            await self.end(session)


async def measure_frames(
    bench: Bench, talking: Sequence[Session], phase: str, seconds: float
) -> Callable[[], dict[str, float]]:
    """Watches the first and the last call for some time; returns what gives the figures of both."""
    taps = [Frames(), Frames()]
    for session, tap in zip((talking[0], talking[-1]), taps, strict=True):
        session.watch(session.calls.active[0], tap)

    def summary() -> dict[str, float]:
        bench.late_ms[phase] = [late for tap in taps for late in tap.late_ms()]
        return lateness(bench.late_ms[phase])

    await bench.clock.sleep(seconds)
    return summary


async def with_runaways(
    bench: Bench, talking: Sequence[Session], kind: str, count: int, seconds: float
) -> dict[str, object]:
    """Lets runaways in while the calls go on."""
    watching = asyncio.ensure_future(measure_frames(bench, talking, f"{kind} x{count}", seconds))
    await bench.clock.sleep(0.3)
    used, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    runaways = [bench.start(RUNAWAYS[kind]) for _ in range(count)]
    result: dict[str, object] = {}
    if kind in ENDLESS:
        await watching
        for session in runaways:
            session.abandon()
    codes = {await bench.end(session) for session in runaways}
    if kind not in ENDLESS:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        result["gone"] = {
            "codes": sorted(codes),
            "wall": round((time.monotonic() - begun) * 1000),
            "cpu_each": round(cpu / count * 1000),
        }
    return {"frames": (await watching)(), **result}


async def spawn_times(bench: Bench, times: int) -> tuple[dict[str, float], list[ScenarioProcess]]:
    """How long a new process takes to be ready, while the calls go on."""
    ready_ms, processes = [], []
    for _ in range(times):
        begun = time.monotonic()
        processes.append(await bench.scenarios.spawn(Limits(), Unheard()))
        ready_ms.append((time.monotonic() - begun) * 1000)
        await bench.clock.sleep(0.05)
    return percentiles(ready_ms), processes


async def gone_times(processes: Sequence[ScenarioProcess]) -> dict[str, float]:
    """From the kill of a process to when it has been waited for."""
    gone_ms = []
    for process in processes:
        begun = time.monotonic()
        process.kill()
        await process.closed()
        gone_ms.append((time.monotonic() - begun) * 1000)
    return percentiles(gone_ms)


async def turn_times(processes: Sequence[ScenarioProcess]) -> dict[str, float]:
    """Round trips of small turns."""
    elapsed_ms = []
    for n in range(1, 200):
        begun = time.monotonic()
        await processes[0].exchange(Turn(n, 0.0, 0, 0, "Application.Started"))
        elapsed_ms.append((time.monotonic() - begun) * 1000)
    return percentiles(elapsed_ms)


def percentiles(values_ms: Sequence[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(values_ms), 2),
        "p99": round(float(np.percentile(values_ms, 99)), 2),
        "max": round(max(values_ms), 2),
    }


async def run_mode(arguments: argparse.Namespace, url: str) -> dict[str, object]:
    clock = Clock(asyncio.get_running_loop())
    scenarios, files = ScenarioHost(clock, warm=0), FileProcess(clock)
    await scenarios.start()
    await files.start()
    bench = Bench(clock, files, scenarios, url)
    result: dict[str, object] = {}
    turns = TurnTimes()
    talking = [bench.start(TALK, turns) for _ in range(arguments.sessions)]
    for session in talking:
        session.alert(Caller(), PARTY)
    await clock.sleep(2.0)
    if arguments.fifo:
        result["scheduling"] = bench.engine.request_fifo(lambda text: result.update(lost=text)).message
    settle_memory()
    turns.elapsed_ms.clear()
    stolen = Stolen()
    result["alone"] = (await measure_frames(bench, talking, "alone", arguments.seconds))()
    result["turn"] = percentiles(turns.elapsed_ms)
    result["ready"], processes = await spawn_times(bench, 20)
    result["pss_mb"] = round(statistics.mean((platform.pss_bytes(p.pid) or 0) / 2**20 for p in processes), 2)
    result["killed_to_gone"] = await gone_times(processes)
    for kind in RUNAWAYS:
        for count in (1, 4):
            result[f"{kind} x{count}"] = await with_runaways(bench, talking, kind, count, arguments.seconds)
    late_ms = bench.late_ms
    result["pooled"] = lateness([late for phase in late_ms.values() for late in phase])
    del late_ms["alone"]
    result["beside_runaways"] = lateness([late for phase in late_ms.values() for late in phase])
    result["stolen_pct"] = stolen.percent()
    result["dropped"] = bench.engine.lateness.skipped
    result["talking_at_the_end"] = sum(bool(session.calls.active) for session in talking)
    await bench.end_all()
    bench.engine.close()
    await files.close()
    await scenarios.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--fifo", action="store_true", help="(of a part of the run)")
    parser.add_argument("--url", default="", help="(of a part of the run)")
    parser.add_argument("--provider", action="store_true", help="(of a part of the run)")
    arguments = parser.parse_args()
    if arguments.provider:
        asyncio.run(run_provider())
    elif arguments.url:
        print(json.dumps(event_loop.run(run_mode(arguments, arguments.url))))
    else:
        print(json.dumps(run_both(arguments), indent=1))


def run_both(arguments: argparse.Namespace) -> dict[str, object]:
    report: dict[str, object] = {"load": os.getloadavg()[0], "sessions": arguments.sessions}
    command, environment = [sys.executable, __file__], os.environ | ONE_THREAD
    with subprocess.Popen(
        [*command, "--provider"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as provider:
        assert provider.stdout is not None
        url = f"ws://127.0.0.1:{provider.stdout.readline().strip()}"
        sizes = ["--sessions", str(arguments.sessions), "--seconds", str(arguments.seconds), "--url", url]
        for mode, options in (("normal", []), ("fifo", ["--fifo"])):
            done = subprocess.run(
                [*command, *sizes, *options], env=environment, stdout=subprocess.PIPE, text=True, check=True
            )
            report[mode] = json.loads(done.stdout)
        assert provider.stdin is not None
        provider.stdin.close()
    return report


if __name__ == "__main__":
    main()
