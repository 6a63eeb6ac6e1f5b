"""Random programs end by themselves, by their own fault or by a limit: never by a fault of voxrt.

`VOXRT_RANDOM_PROGRAMS` sets how many; a full measurement takes 10,000.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings

from conformance.sandbox.programs import programs
from scenario_driver import ScenarioDriver
from scenario_stage import staged
from voxruntime.config import Limits
from voxruntime.errors import BudgetExceeded

LIMITS = Limits(
    instructions_per_turn=200_000, cpu_s_per_turn=1.0, wall_s_per_turn=30.0, memory_bytes=4 * 1024 * 1024
)

THEIR_OWN = (
    "script.",
    "limit.",
    "argument.",
    "module.",
    "await.",
    "promise.",
    "call.",
    "name.",
    "json.",
    "timer.",
    "session.",
)
"""What codes of a scenario's own faults begin with."""

EXAMPLES = int(os.environ.get("VOXRT_RANDOM_PROGRAMS", "200"))


def test_no_program_makes_voxrt_fail(driver: ScenarioDriver) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(programs)
    def check(source: str) -> None:
        with staged(driver, LIMITS) as stage:
            try:
                fault = (
                    stage.load(source, limits=LIMITS).fault
                    or stage.failing_turn("Application.Started", {}).fault
                )
            except BudgetExceeded:
                return
            assert fault is None or fault.code.startswith(THEIR_OWN), (fault, source)

    check()
