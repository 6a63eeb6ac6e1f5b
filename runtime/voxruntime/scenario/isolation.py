"""What confines a session process below Lua: should the sandbox break, the process still has nothing."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping

from voxruntime import platform

MAX_DESCRIPTORS = 16
"""The two sockets, stdio, and what a read of /proc needs."""

ADDRESS_SPACE_MARGIN_BYTES = 64 * 1024 * 1024
"""Address space for messages, natives and the allocator, beside Lua's own memory."""

SECCOMP = "off: the Python bindings of libseccomp need the system's library, and no wheel brings it"
"""What stands in the report for a filter of system calls, until a maintained library can be relied on."""

_NOBODY = 65534


def confine(turn_fd: int, log_fd: int) -> dict[str, str]:
    """Takes from this process all it does not need; everything but the two sockets and stdio is closed.

    Returns:
        By name, `on`, why it was refused, or why it is off by design.
    """
    report = {"session": _own_session()}
    os.environ.clear()
    _stdio_to_null()
    _close_all_but(turn_fd, log_fd)
    report["nice"] = platform.lower_priority()
    report["user"] = _drop_root()
    report["no_new_privs"] = platform.deny_new_privileges()
    # After the change of user, which clears it.
    report["dies_with_engine"] = platform.die_with_parent()
    for name, kind, value in (
        ("files", resource.RLIMIT_NOFILE, MAX_DESCRIPTORS),
        ("processes", resource.RLIMIT_NPROC, 0),
        ("file_size", resource.RLIMIT_FSIZE, 0),
        ("core", resource.RLIMIT_CORE, 0),
    ):
        report[name] = platform.limit_resource(kind, value)
    report["seccomp"] = SECCOMP
    return report


def limit_address_space(lua_bytes: int) -> str:
    """Caps the address space at what is mapped now, twice Lua's memory, and a margin."""
    mapped = platform.address_space_bytes()
    if mapped is None:
        return platform.UNSUPPORTED
    return platform.limit_resource(resource.RLIMIT_AS, mapped + 2 * lua_bytes + ADDRESS_SPACE_MARGIN_BYTES)


def refusals(report: Mapping[str, str]) -> dict[str, str]:
    """Returns the entries that this system does not grant; what is off by design is none of them."""
    return {
        name: state
        for name, state in report.items()
        if state != platform.GRANTED and not state.startswith("off:")
    }


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
