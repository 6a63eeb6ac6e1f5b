"""Memory that sessions share with their zygote, and where what they allocate goes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scenario_driver import ScenarioDriver
from voxruntime import platform

PROGRAM = """
import ctypes, json, sys
from voxruntime.scenario import heap

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = (ctypes.c_void_p,)
SIZES = [24, 40, 100, 500, 1000, 1500, 5000, 20000]

# Chunks that are kept between the gaps, or these would join.
chunks = [libc.malloc(size) for size in SIZES for _ in range(40)]
for chunk in chunks[::2]:
    libc.free(chunk)
if "fill" in sys.argv:
    heap.fill_gaps()
print(json.dumps([libc.malloc(size) > max(chunks) for size in SIZES for _ in range(5)]))
"""


def allocated_behind(*arguments: str) -> list[bool]:
    """Whether each new chunk lies behind all older ones."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    found: list[bool] = json.loads(
        subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    )
    return found


@pytest.mark.skipif(not platform.IS_LINUX, reason="only there")
def test_new_memory_lies_behind_all_older_once_gaps_are_filled() -> None:
    assert not all(allocated_behind())
    assert all(allocated_behind("fill"))


@pytest.mark.skipif(not platform.IS_LINUX, reason="only there")
def test_turns_do_not_make_a_session_own_what_it_shares_with_the_zygote(driver: ScenarioDriver) -> None:
    scenario = driver.spawn()
    scenario.load("setInterval(function() local made = { {}, {} } end, 100)")
    grown = [private_bytes(scenario.process.pid)]
    for turns in (50, 1000):
        for _ in range(turns):
            scenario.turn("timer", target=1)
        grown.append(private_bytes(scenario.process.pid))
    # The garbage between two collections, not the whole of the library that a collection would look at.
    assert grown[2] - grown[1] < 200_000


def private_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private"))
