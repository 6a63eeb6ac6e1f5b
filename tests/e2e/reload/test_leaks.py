"""Many reloads in one call leave nothing behind. VOXRT_RELOADS=1000 runs the long one."""

from __future__ import annotations

import asyncio
import gc
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from session_stand import Stand, run_session

RELOADS = int(os.environ.get("VOXRT_RELOADS", "40"))
SETTLED = 20
"""Reloads after which caches are filled."""

MIB = 2**20

SCENARIO = """
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:answer()
  event.call:record({ stereo = true })
  setInterval(function() end, 60000)
  event.call:addEventListener(CallEvents.Connected, function() print("connected", "@") end)
end)
"""


class Left(NamedTuple):
    processes: int
    descriptors: int
    python_bytes: int


def left() -> Left:
    gc.collect()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    return Left(len(children), len(os.listdir("/proc/self/fd")), tracemalloc.get_traced_memory()[0])


def test_reloads_leave_no_process_descriptor_or_memory(tmp_path: Path) -> None:
    counts: list[Left] = []

    def prepare(stand: Stand) -> None:
        leg = stand.call()
        connected = asyncio.Event()
        stand.seen.when["connected"] = connected.set

        async def save_again_and_again() -> None:
            await connected.wait()
            for number in range(RELOADS):
                connected.clear()
                stand.seen.forget()
                await stand.reload(SCENARIO.replace("@", str(number)))
                await connected.wait()
                if number in (SETTLED, RELOADS - 1):
                    # The process before has been waited for once the next turn is done.
                    await stand.clock.sleep(0.2)
                    counts.append(left())
            assert leg.events is not None
            stand.session.abandon()

        tasks.append(asyncio.ensure_future(save_again_and_again()))

    tasks: list[asyncio.Future[None]] = []
    tracemalloc.start()
    try:
        asyncio.run(asyncio.wait_for(_run(prepare, tmp_path), 3600))
    finally:
        tracemalloc.stop()
    first, last = counts
    assert last.processes == first.processes
    assert last.descriptors == first.descriptors
    assert last.python_bytes - first.python_bytes < MIB


async def _run(prepare: Callable[[Stand], None], folder: Path) -> None:
    outcome, _ = await run_session(SCENARIO, prepare, folder=folder)
    assert outcome.error is None, outcome.error
