"""Prints, as one JSON object, how many whole sessions one core holds, what each costs, and what it adds to the delay.

    python tests/bench/capacity.py --sessions 100 --in-rate 8000 --secs 10 --json [--url ws://HOST/v1/realtime]
    python tests/bench/capacity.py --sweep [50,100,200] [--tls]

A session is whole: a scenario in a process of its own bridges a call and a Yandex client at 24 kHz and handles an event
ten times a second. Each leg gives a frame every 20 ms on an absolute timetable, the engine's own (a network leg, whose
packets come at any moment, waits for it in its jitter buffer on top). Once a second the frame is a pulse of 1 kHz;
`lat` is the time from when that frame was due until the frame that brings it back is at the leg's output, so it holds
the engine, the server and both ways over loopback, not the 7 ms that the two resampling filters delay within the frame.

The engine and all scenario processes share one processor, the server has another. Without `--url` the server is
`echo_server.py`. `in_late` and `out_late` are ms after the timetable; `holds` says that both stay below 20 ms at p99,
that no audio is missing and that the delay does not grow. CPU is of all processes of the engine, in ms for one second
of one session; what the legs' own measuring costs, about 0.03 ms, is in it. Sessions that do not all open, or do not
all live to the end, are a result too: `holds` is false, and `reason` says what came in between.

`--sweep` takes each number three times and gives medians: the numbers named, or 50, 100, 200 and so on until one does
not hold, and then between the last two; a number holds when most of its runs do. `cpu_against_smallest` is the CPU of a
session beside its CPU with the smallest number.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import ONE_THREAD, Stolen, cpu_s, machine_now, spin_ms
from pulses import PulseTrack, figures
from sweep import REPEATS, conclusion, next_number, together

from engine_network import connect_to, nobody
from run_processes import ENGINE, IO, SCENARIO, ZYGOTE, processes_of
from voxruntime import event_loop, platform
from voxruntime.call.leg import CallParty, LegEvents
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.engine import Engine, settle_memory
from voxruntime.errors import VoxrtError
from voxruntime.files.client import FileProcess
from voxruntime.providers.interface import Network
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.observer import SessionObserver
from voxruntime.session.records import Outcome
from voxruntime.session.services import RecordingPlan, SessionPlan
from voxruntime.session.session import Session
from voxruntime.turn.messages import SourceFile

BENCH = Path(__file__).parent
BRIDGE = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:answer()
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "bench", folderId = "bench" }))
  client:sessionUpdate({ session = { instructions = "Echo." } })
  VoxEngine.sendMediaBetween(event.call, client)
  local handled = 0
  setInterval(function() handled = handled + 1 end, 100)
end)
"""

PARTY = CallParty("pstn", "7916", "7495")
MIB = 2**20
WAVE = 10
WAVE_S, POLL_S = 20.0, 0.05
"""Within which a wave of new sessions talks, and how often that is looked at."""
SPIN_EVERY_S = 0.5
SCAN_SETTLE_S = 5.0
"""Finding all processes stalls the engine for a frame or two (30 ms for 100); until its queues have caught up again."""
CPUS = sorted(os.sched_getaffinity(0))
ENGINE_CPU, SERVER_CPU = CPUS[0], CPUS[-1]
SERVER = "server"


class EchoLeg(PulseTrack):
    """A far end whose every frame comes back to it."""

    def open(self, party: CallParty, events: LegEvents) -> None: ...

    def answer(self, headers: Mapping[str, str]) -> None: ...

    def reject(self, status: int) -> None: ...

    def hang_up(self, headers: Mapping[str, str]) -> None: ...

    # By another name, since a call of its own for each frame would be measured too.
    pull = PulseTrack.give
    push = PulseTrack.take


class NotHeld(Exception):
    """Not all sessions opened, or not all lived to the end; the text says why."""


class Stand:
    """An engine and the sessions in it."""

    def __init__(
        self, clock: Clock, files: FileProcess, scenarios: ScenarioHost, network: Network, url: str
    ) -> None:
        self._clock = clock
        self.engine = Engine(clock, Limits(), files, scenarios, nobody, connect_to(url, network))
        self._running: dict[Session, asyncio.Task[Outcome]] = {}
        self.legs: list[EchoLeg] = []

    async def open(self, count: int, in_rate: int, settle_s: float) -> None:
        """Opens sessions in waves, each once the one before talks.

        Raises:
            NotHeld: The engine took no more, or some did not come to talk.
        """
        while len(self.legs) < count:
            for _ in range(min(WAVE, count - len(self.legs))):
                self._open_one(in_rate)
            deadline = self._clock.now() + WAVE_S
            while self._talking() < len(self.legs) and self._clock.now() < deadline:
                await self._clock.sleep(POLL_S)
            self.check()
        await self._clock.sleep(settle_s)
        self.check()

    def _open_one(self, in_rate: int) -> None:
        leg = EchoLeg(in_rate, len(self.legs))
        sources = [SourceFile("bridge.lua", BRIDGE)]
        plan = SessionPlan(f"s{len(self.legs)}", sources, {}, 1, RecordingPlan(Path("/nowhere")))
        try:
            session = self.engine.open_session(plan, SessionObserver())
        except VoxrtError as refusal:
            raise NotHeld(str(refusal)) from None
        session.alert(leg, PARTY)
        self._running[session] = asyncio.get_running_loop().create_task(session.run())
        self.legs.append(leg)

    def check(self) -> None:
        """Raises an error unless all sessions talk.

        Raises:
            NotHeld: Some do not.
        """
        talking, count = self._talking(), len(self.legs)
        if talking < count:
            ends = Counter(ending(task) for task in self._running.values() if task.done())
            reasons = "; ".join(f"{number} x {reason}" for reason, number in ends.most_common(3))
            raise NotHeld(f"{talking} of {count} sessions talk. {reasons or 'None has ended'}")

    def _talking(self) -> int:
        return sum(client.is_open for session in self._running for client in session.realtime.records)

    async def close(self) -> None:
        for session in self._running:
            session.abandon()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        for session in self._running:
            self.engine.release_session(session)
        self.engine.close()


def ending(task: asyncio.Task[Outcome]) -> str:
    """Returns how a session ended, in words."""
    failure = task.exception() or task.result().error
    return task.result().result if failure is None else str(failure)


def memory_mb(pids: Sequence[int]) -> float:
    return sum(platform.pss_bytes(pid) or 0 for pid in pids) / MIB


async def measure(options: argparse.Namespace, url: str, tls: ssl.SSLContext | None) -> dict[str, object]:
    clock = Clock(asyncio.get_running_loop())
    files, scenarios = FileProcess(clock), ScenarioHost(clock, warm=0)
    await scenarios.start()
    await files.start()
    network = Network(clock, files.resolve, asyncio.get_running_loop().create_task, tls)
    stand = Stand(clock, files, scenarios, network, url)
    scheduling = stand.engine.request_fifo(lambda text: print(text, file=sys.stderr)).message
    settle_memory()
    empty_mb = memory_mb([os.getpid()])
    try:
        await stand.open(options.sessions, options.in_rate, options.settle)
        result = await watch(stand, clock, options.secs, scenarios.zygote_pid)
        processes = processes_of(os.getpid())
        grown_mb = memory_mb([os.getpid()]) - empty_mb + memory_mb(processes[SCENARIO])
        result["rss_per_session_mb"] = round(grown_mb / options.sessions, 3)
        stand.check()
    except NotHeld as reason:
        result = {"holds": False, "reason": str(reason)}
    await stand.close()
    await files.close()
    await scenarios.close()
    return {
        "sessions": options.sessions,
        **result,
        "in_rate": options.in_rate,
        "tls": tls is not None,
        "scheduling": scheduling,
        **machine_now(),
        "cpus": len(CPUS),
    }


async def watch(stand: Stand, clock: Clock, seconds: float, zygote: int | None) -> dict[str, object]:
    """Measures for some seconds, while all sessions talk."""
    processes = processes_of(os.getpid())
    # A server of this command's own looks like one as well.
    processes[SERVER] = [pid for pid in processes[ZYGOTE] if pid != zygote]
    processes[ZYGOTE] = [pid for pid in processes[ZYGOTE] if pid == zygote]
    await clock.sleep(SCAN_SETTLE_S)
    roles = (ENGINE, SCENARIO, IO, ZYGOTE, SERVER)
    used = {role: sum(map(cpu_s, processes[role])) for role in roles}
    stolen, begun = Stolen(), time.monotonic()
    for leg in stand.legs:
        leg.is_measured = True
    spins, first = [], clock.now()
    for number in range(samples := max(1, round(seconds / SPIN_EVERY_S))):
        spins.append(spin_ms())
        await clock.sleep_until(first + seconds * (number + 1) / samples)
    for leg in stand.legs:
        leg.is_measured = False
    session_s = (time.monotonic() - begun) * len(stand.legs)
    cpu = {role: (sum(map(cpu_s, processes[role])) - used[role]) * 1000 / session_s for role in roles}
    server = cpu.pop(SERVER) * len(stand.legs) / 10
    return {
        **figures(stand.legs, seconds),
        "engine_cpu_ms_per_session_s": round(cpu[ENGINE], 3),
        "scenario_cpu_ms_per_session_s": round(cpu[SCENARIO], 3),
        "cpu_ms_per_session_s": round(sum(cpu.values()), 3),
        "other_cpu_ms_per_session_s": round(cpu[IO] + cpu[ZYGOTE], 3),
        "core_pct": round(sum(cpu.values()) * len(stand.legs) / 10, 1),
        "server_core_pct": round(server, 1),
        "stolen_pct": stolen.percent(),
        "spin_ms": round(statistics.median(spins), 2),
    }


@contextmanager
def echo_server(*, tls: bool) -> Iterator[tuple[str, ssl.SSLContext | None]]:
    """Runs the server on a processor of its own; gives its address and what trusts it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(BENCH / "echo_server.py"), "--cpu", str(SERVER_CPU)]
        context = None
        if tls:
            import trustme  # noqa: PLC0415  # of the extra `dev`, for this option alone

            authority = trustme.CA()
            pem = authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem
            pem.write_to_path(str(Path(folder) / "server.pem"))
            # As the command line makes it, but for who is trusted.
            context = ssl.create_default_context()
            authority.configure_trust(context)
            command += ["--tls", folder]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/v1/realtime", context
            server.stdin.close()


def run_once(options: argparse.Namespace) -> dict[str, object]:
    os.sched_setaffinity(0, {ENGINE_CPU})
    # A session has five descriptors, and the usual limit is 1,024.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.url:
        tls = ssl.create_default_context() if options.url.startswith("wss://") else None
        return event_loop.run(measure(options, options.url, tls))
    with echo_server(tls=options.tls) as (url, tls):
        return event_loop.run(measure(options, url, tls))


def sweep(options: argparse.Namespace) -> dict[str, object]:
    """Takes each number of sessions several times; gives medians and the largest number that held."""
    rows: dict[int, dict[str, object]] = {}
    while True:
        sessions = next_number(options.sweep, {number: bool(row["holds"]) for number, row in rows.items()})
        if sessions is None:
            break
        rows[sessions] = together(sessions, [run_apart(options, sessions) for _ in range(REPEATS)])
        print(json.dumps(rows[sessions]), file=sys.stderr)
    table = [rows[sessions] for sessions in sorted(rows)]
    return {**conclusion(table), "medians": table, **machine_now()}


def run_apart(options: argparse.Namespace, sessions: int) -> dict[str, object]:
    """Returns the result of one run in a process of its own; a run that breaks is a result too."""
    command = [sys.executable, __file__, "--sessions", str(sessions), "--in-rate", str(options.in_rate)]
    command += ["--secs", str(options.secs), "--url", options.url, *(["--tls"] if options.tls else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        return {"holds": False, "reason": f"the run ended with code {done.returncode}"}
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures how many sessions one core holds.")
    parser.add_argument(
        "--url", default="", help="a realtime server that echoes audio; one of its own without"
    )
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--in-rate", type=int, default=8000, help="Hz of the legs")
    parser.add_argument("--secs", type=float, default=10.0)
    parser.add_argument(
        "--settle", type=float, default=8.0, help="s until what opening did to the delay of others is gone"
    )
    parser.add_argument("--tls", action="store_true", help="its own server speaks TLS")
    parser.add_argument(
        "--sweep",
        nargs="?",
        const=[],
        type=lambda text: [int(number) for number in text.split(",")],
        help="several numbers of sessions, or as many as it takes to find the largest that holds",
    )
    parser.add_argument("--json", action="store_true", help="one object (the default, and all there is)")
    options = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        # numpy reads it when it is imported.
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ONE_THREAD)
    print(json.dumps(run_once(options) if options.sweep is None else sweep(options), indent=1))


if __name__ == "__main__":
    main()
