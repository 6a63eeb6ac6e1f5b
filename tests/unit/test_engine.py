"""The engine's claim on the processor, and what it says of its punctuality."""

from __future__ import annotations

import gc
import subprocess
import sys

from voxruntime.engine import Lateness, settle_memory

RUNAWAY = """
import asyncio, os
from voxruntime import engine
from voxruntime.clock import Clock, real_now
from voxruntime.config import Limits
from voxruntime.files.client import FileProcess
from voxruntime.scenario.host import ScenarioHost

engine.RUNAWAY_S = 0.2

def is_fifo():
    return os.sched_getscheduler(0) & 0xFF == os.SCHED_FIFO

async def main():
    clock = Clock(asyncio.get_running_loop())
    nobody = lambda *_: None
    one = engine.Engine(clock, Limits(), FileProcess(clock), ScenarioHost(clock), nobody, nobody)
    said = []
    granted = one.request_fifo(said.append).granted
    assert granted == is_fifo()
    deadline = real_now() + 20
    while is_fifo() and real_now() < deadline:
        pass
    assert not is_fifo()
    assert not said, "in the middle of a callback"
    await clock.sleep(0)
    print(granted, *said)

asyncio.run(main())
"""


def test_engine_that_never_waits_gives_up_real_time_scheduling_and_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", RUNAWAY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in (
        "False",
        "True The engine computed for 0.2 s without a pause and lost its real-time scheduling.",
    )


def test_settled_memory_is_not_searched_for_garbage_again() -> None:
    gc.disable()
    try:
        settle_memory()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000
    finally:
        gc.enable()
        gc.unfreeze()


def test_lateness_is_told_in_percentiles() -> None:
    lateness = Lateness()
    for late_ms in [0.05] * 98 + [4.02, 250.0]:
        lateness.add(late_ms / 1000)
    lateness.skipped = 3
    assert lateness.summary() == {
        "ticks": 100,
        "skipped_ticks": 3,
        "late_p50_ms": 0.1,
        "late_p99_ms": 4.1,
        "late_max_ms": 250.0,
    }


def test_lateness_of_early_and_of_no_ticks_is_nothing() -> None:
    assert set(Lateness().summary().values()) == {0}
    lateness = Lateness()
    lateness.add(-0.001)
    assert lateness.summary()["late_max_ms"] == 0.0
