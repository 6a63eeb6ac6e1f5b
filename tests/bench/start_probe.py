"""Runs `voxrt run` and prints, on stderr, when each step of its start was done: ms since it was executed.

    START_S=$(python -c 'import time; print(time.monotonic())') python tests/bench/start_probe.py run scenario.lua

The last line is one JSON object; `frame.py` reads it. Steps: `interpreter` is up, `command` line is parsed and the
zygote launched, `imports` are done, the `plan` is checked, the session `process` is there, the event `Started` is sent.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence

begun = float(os.environ["START_S"])
steps: dict[str, float] = {}


def mark(step: str) -> None:
    steps.setdefault(step, round((time.monotonic() - begun) * 1000, 2))


mark("interpreter")

from voxruntime.cli import main, run_command  # noqa: E402  # what comes before is the interpreter's time

launch = run_command.launch_zygote


def launch_and_import() -> object:
    launched = launch()
    mark("command")
    from voxruntime.cli import run  # noqa: PLC0415  # as the command itself does next
    from voxruntime.session.observer import SessionObserver  # noqa: PLC0415
    from voxruntime.turn.messages import Load, Turn  # noqa: PLC0415

    mark("imports")

    class Marks(SessionObserver):
        def on_sent(self, now: float, message: Load | Turn) -> None:
            if isinstance(message, Load):
                mark("process")
            elif message.name == "Application.Started":
                mark("started")

    really_run = run.run

    async def marked(plan: object, observers: Sequence[SessionObserver], *others: object) -> object:
        mark("plan")
        return await really_run(plan, [*observers, Marks()], *others)

    run.run = marked
    return launched


run_command.launch_zygote = launch_and_import
try:
    main.main()
finally:
    sys.stderr.write(json.dumps(steps) + "\n")
