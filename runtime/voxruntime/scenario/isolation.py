"""What confines a session process below Lua: should the sandbox break, the process still has nothing."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from typing import NamedTuple

from voxruntime import platform
from voxruntime.scenario.seccomp import Filter

MAX_DESCRIPTORS = 16
"""The two sockets, stdio, and what a read of /proc needs."""

ADDRESS_SPACE_MARGIN_BYTES = 64 * 1024 * 1024
"""Address space for messages, natives and the allocator, beside Lua's own memory."""

_NOBODY = 65534

WEAKER = {
    "session": "signals of the terminal reach it",
    "nice": "it competes with audio for the processor",
    "user": "it stays root, whose files it could reach if it broke out of Lua",
    "no_new_privs": "set-uid programs would give it rights if it broke out of Lua",
    "dies_with_engine": "it may outlive a killed engine for a moment",
    "files": "it could open files if it broke out of Lua",
    "processes": "it could start processes if it broke out of Lua",
    "file_size": "it could fill the disk if it broke out of Lua",
    "core": "a crash of it may leave a core file with the scenario's secrets",
    "seccomp": "only the other limits stand behind Lua's sandbox",
}
"""What each missing part of `Confinement.report` means."""


class Confinement(NamedTuple):
    """What confines this process.

    Attributes:
        report: By name, `on` or why it is not.
        mapped_bytes: Address space in use before; None where the system does not tell.
    """

    report: dict[str, str]
    mapped_bytes: int | None

    def limit_address_space(self, lua_bytes: int) -> str:
        """Caps the address space at what was mapped, twice Lua's memory, and a margin."""
        if self.mapped_bytes is None:
            return platform.UNSUPPORTED
        return platform.limit_resource(
            resource.RLIMIT_AS, self.mapped_bytes + 2 * lua_bytes + ADDRESS_SPACE_MARGIN_BYTES
        )


def prepare() -> Confinement:
    """Takes from this process, and so from each that is forked from it, what they can do without from the start.

    What is done here costs a session neither time nor memory: Python writes to every object that it uses.
    """
    os.environ.clear()
    _stdio_to_null()
    return Confinement({"no_new_privs": platform.deny_new_privileges()}, platform.address_space_bytes())


def confine(prepared: Confinement, turn_fd: int, log_fd: int, system_calls: Filter) -> Confinement:
    """Takes from this process all else it does not need; everything but the two sockets and stdio is closed.

    Args:
        prepared: Of the process that it was forked from.
        turn_fd: Stays open.
        log_fd: Stays open.
        system_calls: What is left of them.
    """
    report = prepared.report
    report["session"] = _own_session()
    _close_all_but(turn_fd, log_fd)
    report["nice"] = platform.lower_priority()
    report["user"] = _drop_root()
    # After the change of user, which clears it.
    report["dies_with_engine"] = platform.die_with_parent()
    for name, kind, value in (
        ("files", resource.RLIMIT_NOFILE, MAX_DESCRIPTORS),
        ("processes", resource.RLIMIT_NPROC, 0),
        ("file_size", resource.RLIMIT_FSIZE, 0),
        ("core", resource.RLIMIT_CORE, 0),
    ):
        report[name] = platform.limit_resource(kind, value)
    report["seccomp"] = system_calls.install()
    return prepared


def weaknesses(report: Mapping[str, str]) -> list[str]:
    """Says of each part that this system does not grant why, and what is weaker for it."""
    return [
        f"{name} is {report[name]}: {weaker}"
        for name, weaker in WEAKER.items()
        if report.get(name, platform.GRANTED) != platform.GRANTED
    ]


def _own_session() -> str:
    try:
        os.setsid()
    except OSError as error:
        return f"refused: {error.strerror}"
    return platform.GRANTED


def _stdio_to_null() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.close(null)


def _close_all_but(first: int, second: int) -> None:
    low, high = sorted((first, second))
    os.closerange(3, low)
    os.closerange(low + 1, high)
    os.closerange(high + 1, os.sysconf("SC_OPEN_MAX"))


def _drop_root() -> str:
    if os.geteuid() != 0:
        return platform.GRANTED
    try:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    except OSError as error:
        return f"refused: {error.strerror}"
    return platform.GRANTED
