"""What this machine lets a user have: processes, descriptors, ports, disk; and which extras are installed."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from voxruntime.cli.finding import Finding, Status
from voxruntime.platform import IS_LINUX

SPARE_PROCESSES = 64
"""Processes and threads that must be left: a run has a dozen, a session one more."""

DESCRIPTORS = 1024
"""Open files and sockets for some hundred calls; one call needs fifty."""

EMULATOR_PORT = 8765

RECORDINGS = "recordings"
DISK_BYTES = 500 * 1024 * 1024
"""Room for 45 minutes of stereo at 48 kHz."""

EXTRAS = {"mcp": ("mcp", "tools of MCP servers in the embedded server")}
"""Packages by extra, and what they are for. Speech has a finding of its own."""


def examine_machine(folder: Path) -> Iterator[Finding]:
    """Looks at what may run out.

    Args:
        folder: Where the user is: recordings go into its folder `recordings`.
    """
    yield _processes()
    yield _descriptors()
    yield _ports()
    yield _disk(folder)
    yield _extras()


def _processes() -> Finding:
    if os.geteuid() == 0:
        return Finding("processes", Status.OK, "root may start as many as the machine holds")
    limit, _hard = resource.getrlimit(resource.RLIMIT_NPROC)
    used = _tasks_of_user() if IS_LINUX else 0
    if limit == resource.RLIM_INFINITY:
        return Finding("processes", Status.OK, "your user may start as many as the machine holds")
    detail = f"your user has {used} processes and threads of {limit}"
    if limit - used >= SPARE_PROCESSES:
        return Finding("processes", Status.OK, detail)
    fix = f"Raise the limit: ulimit -u {used + 4096}; for good, nproc in /etc/security/limits.d/voxrt.conf."
    return Finding("processes", Status.LIMITED, detail, fix)


def _tasks_of_user() -> int:
    """Returns how many processes and threads this user has; the limit counts both."""
    user, tasks = os.getuid(), 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            # It may end at any time.
            with suppress(OSError):
                tasks += len(os.listdir(entry / "task")) if entry.stat().st_uid == user else 0
    return tasks


def _descriptors() -> Finding:
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    detail = f"a process may open {limit} files and sockets"
    if limit >= DESCRIPTORS:
        return Finding("descriptors", Status.OK, detail)
    room = "" if hard >= DESCRIPTORS else " (as root: the hard limit is lower)"
    fix = f"Enough for a few calls. For more: ulimit -n {DESCRIPTORS}{room}."
    return Finding("descriptors", Status.LIMITED, detail, fix)


def _ports() -> Finding:
    try:
        _try_port(0)
    except OSError as error:
        detail = f"no port of 127.0.0.1 can be had: {os.strerror(error.errno or 0)}"
        fix = (
            "The embedded server needs one: bring the loopback up (ip link set lo up), or allow sockets here."
        )
        return Finding("ports", Status.PROBLEM, detail, fix)
    try:
        _try_port(EMULATOR_PORT)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        detail = (
            f"runs take a free port of 127.0.0.1; {EMULATOR_PORT}, of voxrt emulator, is not free: {reason}"
        )
        return Finding("ports", Status.LIMITED, detail, "voxrt emulator --port 0 takes any free one.")
    return Finding(
        "ports", Status.OK, f"runs take a free port of 127.0.0.1; {EMULATOR_PORT} is free for voxrt emulator"
    )


def _try_port(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        pass


def _disk(folder: Path) -> Finding:
    target = folder / RECORDINGS if (folder / RECORDINGS).is_dir() else folder
    try:
        with tempfile.TemporaryFile(dir=target) as probe:
            probe.write(b"voxrt")
        free = shutil.disk_usage(target).free
    except OSError as error:
        detail = f"call:record() cannot write into {target}: {error.strerror}"
        return Finding(
            "disk", Status.LIMITED, detail, "Start voxrt in a folder of yours, or use --record FILE.wav."
        )
    detail = f"{free / 1024**3:.1f} GiB free for recordings in {target}"
    if free >= DISK_BYTES:
        return Finding("disk", Status.OK, detail)
    fix = "Make room: a minute of stereo takes 2 MB at 8 kHz, 11 MB at 48 kHz."
    return Finding("disk", Status.LIMITED, detail, fix)


def _extras() -> Finding:
    missing = {extra: purpose for extra, (package, purpose) in EXTRAS.items() if find_spec(package) is None}
    if not missing:
        return Finding("extras", Status.OK, ", ".join(EXTRAS))
    detail = "not installed: " + ", ".join(f"{extra} ({purpose})" for extra, purpose in missing.items())
    fix = f"Nothing else needs them. To have them: pip install 'voxruntime[{','.join(missing)}]'"
    return Finding("extras", Status.LIMITED, detail, fix)
