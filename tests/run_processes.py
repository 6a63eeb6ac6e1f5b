"""The processes of a run, by what they are, as the system shows them."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from voxruntime.clock import real_now
from voxruntime.scenario.isolation import MAX_DESCRIPTORS

T = TypeVar("T")

ENGINE, ZYGOTE, SCENARIO, WARM, IO = "engine", "zygote", "scenario", "warm", "io"
VOICE, RECOGNITION = "speech voice", "speech recognition"

POLL_S = 0.01


def eventually(find: Callable[[], T], timeout: float = 20.0) -> T:
    """Returns what `find` returns as soon as that is true."""
    deadline = real_now() + timeout
    while not (found := find()):
        assert real_now() < deadline, f"not within {timeout:g} s"
        select.select([], [], [], POLL_S)
    return found


def processes_of(engine: int) -> dict[str, list[int]]:
    """Returns the engine and its running children: process ids by role."""
    found = {ENGINE: [engine]}
    for pid in _children(engine):
        role = _role(pid)
        if role is not None:
            found.setdefault(role, []).append(pid)
    return found


@contextmanager
def holding(pids: Iterable[int]) -> Iterator[list[int]]:
    """Yields a descriptor of each process, which is readable once that process has ended."""
    descriptors = [os.pidfd_open(pid) for pid in pids]
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def wait_until_gone(descriptors: Iterable[int], timeout: float) -> None:
    """Returns once every process has ended; descriptors are those of `holding`."""
    deadline = real_now() + timeout
    for descriptor in descriptors:
        left = max(0.0, deadline - real_now())
        assert select.select([descriptor], [], [], left)[0], f"a process goes on after {timeout:g} s"


def _children(parent: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, ppid = stat.read_text().rsplit(")", 1)[1].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(ppid) == parent and state not in "ZX":
            found.append(int(stat.parent.name))
    return sorted(found)


def _role(pid: int) -> str | None:
    """Returns what a child of an engine is; None for one that has ended."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if "voxruntime.files.io_process" in command:
        return IO
    if "voxruntime.speech.process" in command:
        return f"speech {command[command.index('voxruntime.speech.process') + 1]}"
    # Session processes are forks of the zygote: what confines them tells them apart. The address space is limited
    # when the scenario is loaded.
    if _soft_limit(limits, "Max open files") != str(MAX_DESCRIPTORS):
        return ZYGOTE
    return WARM if _soft_limit(limits, "Max address space") == "unlimited" else SCENARIO


def _soft_limit(limits: list[str], name: str) -> str:
    return next(line.removeprefix(name).split()[0] for line in limits if line.startswith(name))
