"""Prints, as one JSON object, what turns cost scenario processes, and how much memory those take.

    python tests/bench/scenario_process.py [--sessions 100] [--rate 10] [--secs 5] [--pages]

Each session bridges a call, and then handles a timer `--rate` times a second. All share processor 0 with the one
that sends the turns, one session after the other: when a process's next turn comes, the others have had the caches.
CPU is that of the scenario processes alone, in µs a turn; memory is of one process, in KiB, after the turns.
`--pages` adds what its private pages belong to.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from capacity import BRIDGE
from machine import Stolen, cpu_s, machine_now

from scenario_driver import WALL_MS, Recording, make_load
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.scenario.host import ScenarioHost
from voxruntime.scenario.process import ScenarioProcess
from voxruntime.turn.messages import ConnectRealtime, Plain, Reply, StartTimer, Turn

CALL = -1
CALLED: dict[str, Plain] = {
    "call": CALL,
    "id": "c1",
    "callerid": "7916",
    "destination": "7495",
    "displayName": "",
    "toURI": "",
    "fromURI": "",
    "headers": {},
    "customData": "",
}
FIELDS = ("Pss", "Private_Dirty", "Private_Clean", "Shared_Dirty", "Rss")
KERNEL = ("VmPTE", "VmStk")


class Bridged:
    """A session whose timer is running."""

    def __init__(self, process: ScenarioProcess) -> None:
        self.process = process
        self._n = 0
        self._timer = 0

    async def start(self) -> None:
        await self._exchange(make_load(BRIDGE))
        await self._turn(0, "Application.Started", {})
        reply = await self._turn(0, "Application.CallAlerting", CALLED)
        connect = next(command for command in reply.commands if isinstance(command, ConnectRealtime))
        reply = await self._turn(connect.promise, "promise.resolve", {})
        self._timer = next(command.timer for command in reply.commands if isinstance(command, StartTimer))

    async def tick(self) -> None:
        await self._turn(self._timer, "timer", {})

    async def _turn(self, target: int, name: str, payload: dict[str, Plain]) -> Reply:
        self._n += 1
        return await self._exchange(
            Turn(self._n, self._n / 10, WALL_MS + self._n * 100, target, name, payload)
        )

    async def _exchange(self, message: object) -> Reply:
        reply = await self.process.exchange(message)  # type: ignore[arg-type]
        assert reply.fault is None, reply.fault
        return reply


async def measure(options: argparse.Namespace) -> dict[str, object]:
    clock = Clock(asyncio.get_running_loop())
    host = ScenarioHost(clock, warm=0)
    await host.start()
    bridged = [Bridged(await host.spawn(Limits(), Recording())) for _ in range(options.sessions)]
    for one in bridged:
        await one.start()
    for one in bridged:
        await one.tick()
    pids = [one.process.pid for one in bridged]
    stolen, used, faults = Stolen(), sum(map(cpu_s, pids)), sum(map(minor_faults, pids))
    turns = await tick_all(bridged, clock, options.rate, options.secs)
    cpu_us = (sum(map(cpu_s, pids)) - used) * 1e6 / turns
    memory = [smaps(pid) for pid in pids]
    result: dict[str, object] = {
        "sessions": options.sessions,
        "turns": turns,
        "cpu_us_per_turn": round(cpu_us, 1),
        "page_faults_per_turn": round((sum(map(minor_faults, pids)) - faults) / turns, 3),
        "memory_kib": {name: round(statistics.mean(one[name] for one in memory)) for name in memory[0]},
        "stolen_pct": stolen.percent(),
        **machine_now(),
    }
    if options.pages:
        result["private_kib"] = private_pages(pids[-1])
    for one in bridged:
        one.process.kill()
        await one.process.closed()
    await host.close()
    return result


async def tick_all(bridged: Sequence[Bridged], clock: Clock, rate: float, seconds: float) -> int:
    """Gives each session a turn `rate` times a second, evenly spread; returns how many."""
    step = 1 / (rate * len(bridged))
    begun, turns = time.monotonic(), 0
    while (due := begun + turns * step) < begun + seconds:
        if (wait := due - time.monotonic()) > 0:
            await clock.sleep(wait)
        await bridged[turns % len(bridged)].tick()
        turns += 1
    return turns


def minor_faults(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[7])


def smaps(pid: int) -> dict[str, int]:
    """Returns the sums of a process's pages, and what the kernel keeps for it, in KiB."""
    found = {}
    for file, names in (("smaps_rollup", FIELDS), ("status", KERNEL)):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in names:
                found[name] = int(rest.split()[0])
    return found


def private_pages(pid: int) -> dict[str, int]:
    """Returns KiB of private pages by the mapping that they are in."""
    found: Counter[str] = Counter()
    mapping = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            mapping = Path(rest[4]).name if len(rest) > 4 else f"anonymous {first}"
        elif first.startswith("Private_"):
            found[mapping] += int(rest[0])
    return {name: size for name, size in found.most_common() if size}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures what turns cost scenario processes.")
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--rate", type=float, default=10.0, help="turns a second of each session")
    parser.add_argument("--secs", type=float, default=5.0)
    parser.add_argument("--pages", action="store_true", help="also what the private pages belong to")
    options = parser.parse_args()
    os.sched_setaffinity(0, {0})
    print(json.dumps(asyncio.run(measure(options)), indent=1))


if __name__ == "__main__":
    main()
