"""The engine's claim on the processor, and what it says of its punctuality."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from pathlib import Path
from typing import Never

import pytest

from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.engine import FULL_COLLECTION_AFTER, FULL_LATE_MS, SESSIONS_PER_SLOT, Engine, settle_memory
from voxruntime.errors import ConfigError
from voxruntime.files.client import FileProcess
from voxruntime.media.lateness import RECENT_S
from voxruntime.scenario.host import ScenarioHost
from voxruntime.session.observer import SessionObserver
from voxruntime.session.services import RecordingPlan, SessionPlan
from voxruntime.testing import virtual_loop
from voxruntime.turn.messages import SourceFile

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


def nobody(*_: object) -> Never:
    raise AssertionError("no session of these tests dials or connects")


def test_engine_that_never_waits_gives_up_real_time_scheduling_and_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", RUNAWAY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in (
        "False",
        "True The engine computed for 0.2 s without a pause and lost its real-time scheduling.",
    )


def test_settled_memory_is_not_searched_for_garbage_again() -> None:
    thresholds = gc.get_threshold()
    gc.disable()
    try:
        settle_memory()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 1000
        assert gc.get_threshold() == (*thresholds[:2], FULL_COLLECTION_AFTER)
    finally:
        gc.enable()
        gc.unfreeze()
        gc.set_threshold(*thresholds)


def test_a_late_engine_refuses_sessions_and_takes_them_again_once_it_is_punctual() -> None:
    async def run() -> None:
        clock = Clock(asyncio.get_running_loop())
        engine = Engine(clock, Limits(), FileProcess(clock), ScenarioHost(clock), nobody, nobody)
        plan = SessionPlan("s", [SourceFile("s.lua", "")], {}, 1, RecordingPlan(Path()))
        first = engine.open_session(plan, SessionObserver())
        await clock.sleep(2.0)
        for _ in range(20):
            engine.lateness_out.add(FULL_LATE_MS / 1000, now=clock.now())
        engine.release_session(engine.open_session(plan, SessionObserver()))
        for _ in range(20):
            engine.lateness_out.add(FULL_LATE_MS / 1000, now=clock.now())
        with pytest.raises(ConfigError, match="with 1 sessions its frames are 21 ms late") as refused:
            engine.open_session(plan, SessionObserver())
        assert refused.value.code == "engine.full"
        await clock.sleep(RECENT_S + 1.0)
        second = engine.open_session(plan, SessionObserver())
        for session in (first, second):
            engine.release_session(session)
        engine.close()

    virtual_loop.run(run())


class Starved(ScenarioHost):
    """Scenarios of which some do not get to the end of their turn."""

    slow = 0

    def count_slow(self, seconds: float) -> tuple[int, int]:
        return self.slow, 30


def test_an_engine_whose_scenarios_get_no_processor_refuses_sessions() -> None:
    async def run() -> None:
        clock = Clock(asyncio.get_running_loop())
        scenarios = Starved(clock)
        engine = Engine(clock, Limits(), FileProcess(clock), scenarios, nobody, nobody)
        plan = SessionPlan("s", [SourceFile("s.lua", "")], {}, 1, RecordingPlan(Path()))
        scenarios.slow = 5
        engine.release_session(engine.open_session(plan, SessionObserver()))
        scenarios.slow = 6
        with pytest.raises(ConfigError, match="6 of 30 scenarios have been at one turn") as full:
            engine.open_session(plan, SessionObserver())
        assert full.value.code == "engine.full"
        engine.close()

    virtual_loop.run(run())


def test_result_names_the_later_stage_and_no_load_where_time_jumps() -> None:
    async def run() -> dict[str, object]:
        clock = Clock(asyncio.get_running_loop())
        engine = Engine(clock, Limits(), FileProcess(clock), ScenarioHost(clock), nobody, nobody)
        engine.lateness.add(0.001, now=0.0)
        engine.lateness_out.add(0.004, now=0.0)
        return engine.media_figures()

    figures = virtual_loop.run(run())
    histogram = figures.pop("late_histogram")
    assert isinstance(histogram, dict)
    assert {name: count for name, count in histogram.items() if count} == {"<2": 1, "<5": 1}
    assert figures == {
        "ticks": 1,
        "skipped_ticks": 0,
        "late_p50_ms": 4.0,
        "late_p99_ms": 4.0,
        "late_max_ms": 4.0,
        "late_recent_p99_ms": 0.0,
    }
    assert {"load_pct", "load_max_pct"} <= asyncio.run(run()).keys()


def test_sessions_beyond_a_slot_tick_at_another_time() -> None:
    async def run() -> None:
        clock = Clock(asyncio.get_running_loop())
        engine = Engine(clock, Limits(), FileProcess(clock), ScenarioHost(clock), nobody, nobody)
        plan = SessionPlan("s", [SourceFile("s.lua", "")], {}, 1, RecordingPlan(Path()))
        opened = [engine.open_session(plan, SessionObserver()) for _ in range(SESSIONS_PER_SLOT)]
        await clock.sleep(1.0)
        assert engine.lateness.ticks == pytest.approx(50, abs=1)
        opened.append(engine.open_session(plan, SessionObserver()))
        await clock.sleep(1.0)
        assert engine.lateness.ticks == pytest.approx(150, abs=2)
        for session in opened:
            engine.release_session(session)
        engine.close()

    virtual_loop.run(run())
