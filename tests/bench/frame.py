"""Prints, as one JSON object, what the frame that everything runs in costs; `README.md` beside it explains the figures.

    python tests/bench/frame.py [--quick]

`--quick` measures each thing once and shortly: enough to see that all of it works.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import ONE_THREAD, Stolen, burning, cpu_s, environment, machine_now, medians, percentiles

from run_processes import processes_of
from scenario_driver import Recording, ScenarioDriver, make_load
from voxruntime.clock import Clock
from voxruntime.config import Limits, shipped
from voxruntime.scenario.host import ScenarioHost
from voxruntime.turn.messages import Turn

BENCH = Path(__file__).parent
VOXRT = Path(sys.executable).parent / "voxrt"

STARTED = """
VoxEngine.addEventListener(AppEvents.Started, function()
  print("started")
  VoxEngine.terminate()
end)
"""

TICKING = "setInterval(function() end, 100)"
TICK = 1
"""Id of the first timer of a scenario."""

BURNING = 2
REFILL_S = 0.1


class Size(msgspec.Struct, frozen=True):
    """How much is measured."""

    starts: int
    probes: int
    spawns: int
    turns: int
    crowd: int
    seconds: float
    repeats: int
    call_s: float


FULL = Size(starts=21, probes=7, spawns=60, turns=3000, crowd=50, seconds=10.0, repeats=3, call_s=60.0)
QUICK = Size(starts=2, probes=1, spawns=3, turns=50, crowd=3, seconds=0.3, repeats=1, call_s=1.0)


def cold_start(size: Size, folder: Path) -> dict[str, object]:
    """From the execution of `voxrt run` until the scenario's handler of `Started` has spoken."""
    (folder / "started.lua").write_text(STARTED, encoding="utf-8")
    result: dict[str, object] = {}
    for name, options in (("tones", ["--no-speech"]), ("default", [])):
        command = ["run", "started.lua", "--call", "none", *options]
        until_started(command, folder)
        result[name] = percentiles([until_started(command, folder) for _ in range(size.starts)], 25, 50, 90)
    result["steps"] = medians([start_steps(folder) for _ in range(size.probes)])
    return result


def until_started(command: Sequence[str], folder: Path) -> float:
    """Returns ms; runs the command to its end."""
    begun = time.monotonic()
    with subprocess.Popen(
        [VOXRT, *command], cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if b"started" in line:
                elapsed_ms = (time.monotonic() - begun) * 1000
                process.communicate()
                return elapsed_ms
    raise AssertionError(b"".join(said).decode(errors="replace"))


def start_steps(folder: Path) -> dict[str, float]:
    """Returns how long each step of a start took, in ms."""
    command = [
        sys.executable,
        BENCH / "start_probe.py",
        "run",
        "started.lua",
        "--call",
        "none",
        "--no-speech",
    ]
    begun = {"START_S": repr(time.monotonic())}
    done = subprocess.run(
        command, cwd=folder, env=environment() | begun, stderr=subprocess.PIPE, text=True, check=True
    )
    ends: dict[str, float] = json.loads(done.stderr.splitlines()[-1])
    moments = [0.0, *ends.values()]
    return {step: end - before for (step, end), before in zip(ends.items(), moments, strict=False)}


def scenario_start(size: Size) -> dict[str, object]:
    """From the wish for a process until the bundled hello has been loaded in it."""
    return {"cold": asyncio.run(spawns(size, warm=0)), "warm": asyncio.run(spawns(size, warm=1))}


async def spawns(size: Size, *, warm: int) -> dict[str, float]:
    clock = Clock(asyncio.get_running_loop())
    load = make_load((shipped("scenarios") / "hello.lua").read_text(encoding="utf-8"))
    host = ScenarioHost(clock, warm=warm)
    await host.start()
    elapsed_ms = []
    for _ in range(size.spawns + 1):
        # Between two calls there is time to make another one warm.
        await clock.sleep(REFILL_S)
        begun = time.monotonic()
        process = await host.spawn(Limits(), Recording())
        assert (await process.exchange(load)).fault is None
        elapsed_ms.append((time.monotonic() - begun) * 1000)
        process.kill()
        await process.closed()
    await host.close()
    # The first one waits for the zygote.
    return percentiles(elapsed_ms[1:])


def turn_round_trip(size: Size) -> dict[str, float]:
    """A small event with a handler, from the engine to the scenario and back."""

    async def exchange() -> list[float]:
        elapsed_ms = []
        for n in range(1, size.turns + 1):
            begun = time.monotonic()
            reply = await scenario.process.exchange(Turn(n, n / 10, 0, TICK, "timer"))
            elapsed_ms.append((time.monotonic() - begun) * 1000)
            assert reply.fault is None
        return elapsed_ms

    with ScenarioDriver() as driver:
        scenario = driver.spawn()
        scenario.load(TICKING)
        return percentiles(driver.run(exchange()))


def engine(sessions: int, seconds: float, *, fifo: bool = False) -> dict[str, dict[str, float]]:
    """Runs an engine with talking sessions in a process of its own; see `sessions.py`."""
    command = [sys.executable, BENCH / "sessions.py", "--sessions", str(sessions), "--seconds", str(seconds)]
    if fifo:
        command.append("--fifo")
    done = subprocess.run(
        command, env=environment() | ONE_THREAD, stdout=subprocess.PIPE, text=True, check=True
    )
    result: dict[str, dict[str, float]] = json.loads(done.stdout)
    return result


def memory(size: Size) -> dict[str, object]:
    """PSS in MB with one session and with many, and what one more session adds to all processes together."""
    one, many = engine(1, size.seconds)["pss_mb"], engine(size.crowd, size.seconds)["pss_mb"]
    growth = many["engine"] - one["engine"] + many["zygote"] - one["zygote"]
    all_scenarios = many["scenario"] * size.crowd - one["scenario"]
    return {
        "1": one,
        str(size.crowd): many,
        "per_session": round((growth + all_scenarios) / (size.crowd - 1), 3),
    }


def lateness(size: Size) -> dict[str, object]:
    """How late the frames of one call move, in ms."""
    result: dict[str, object] = {}
    for machine, burners in (("idle", 0), ("loaded", BURNING)):
        for scheduling, fifo in (("normal", False), ("fifo", True)):
            with burning(burners):
                runs = [engine(1, size.seconds, fifo=fifo) for _ in range(size.repeats)]
            result[f"{machine} {scheduling}"] = medians([run["late"] for run in runs])
    result["scheduling"] = runs[-1]["scheduling"]
    return result


def talking_call(size: Size, folder: Path) -> dict[str, object]:
    """CPU ms of each process for one second of a hello call, from its connection to its end."""
    return {
        name: medians([call_cpu(size, folder, options) for _ in range(size.repeats)])
        for name, options in (("tones", ["--no-speech"]), ("default", []))
    }


def call_cpu(size: Size, folder: Path, options: Sequence[str]) -> dict[str, float]:
    command = [VOXRT, "run", "hello", "--max-duration", str(size.call_s), *options]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if "CONNECTED" in line)
        processes, begun = processes_of(process.pid), time.monotonic()
        used = cpu_by_role(processes)
        next(line for line in process.stderr if "TERMINATED" in line)
        seconds = time.monotonic() - begun
        after = cpu_by_role(processes)
        process.communicate()
    assert process.returncode == 0
    return {role: (after[role] - used[role]) * 1000 / seconds for role in used}


def cpu_by_role(processes: dict[str, list[int]]) -> dict[str, float]:
    return {role: sum(map(cpu_s, pids)) for role, pids in processes.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures the frame that everything runs in.")
    parser.add_argument("--quick", action="store_true", help="measure once and shortly")
    size = QUICK if parser.parse_args().quick else FULL
    machine, stolen = machine_now(), Stolen()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = {
            "unit": "ms, MB",
            "machine": machine,
            "cold_start": cold_start(size, folder),
            "scenario_start": scenario_start(size),
            "turn": turn_round_trip(size),
            "pss_mb": memory(size),
            "late": lateness(size),
            "cpu_ms_per_call_s": talking_call(size, folder),
            "stolen_pct": stolen.percent(),
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
