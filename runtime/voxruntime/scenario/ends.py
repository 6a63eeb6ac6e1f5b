"""What the end of a session process means."""

from __future__ import annotations

import signal

from voxruntime import platform
from voxruntime.config import Limits
from voxruntime.errors import BudgetExceeded, ScenarioError
from voxruntime.scenario.wire import EXIT_OUT_OF_MEMORY


class ScenarioDied(ScenarioError):
    """The session process ended, and no limit explains it."""


def explained(exited: platform.Exited, limits: Limits) -> ScenarioError:
    """Returns why a process has ended that was not ended by its owner."""
    if exited.killed_by == signal.SIGPROF:
        seconds = limits.cpu_s_per_turn
        return BudgetExceeded("limit.cpu", f"One turn used more than {seconds:g} s of CPU, and was stopped.")
    if exited.killed_by == signal.SIGSYS:
        return ScenarioDied(
            "scenario.breakout",
            "The scenario process asked the system for what no scenario can ask for, and was stopped: "
            "something in it has left the sandbox. Please report it, with the scenario.",
        )
    if exited.status == EXIT_OUT_OF_MEMORY:
        return BudgetExceeded("limit.memory", "The scenario process needed more memory than it may have.")
    return ScenarioDied("scenario.died", f"The scenario process ended {exited}.")
