"""Everything that only Linux can do, each with a probe, so that no other module asks which system it runs on.

A call whose privilege is refused says so in its result; nothing here raises for that. On macOS processes are
signalled and waited for by pid (the pid of a child cannot be reused before it is reaped, that of a grandchild can),
nobody adopts orphans, there is no `no_new_privs` and no real-time scheduling. Windows is not supported.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache

import msgspec

from voxruntime.errors import ConfigError

if sys.platform != "win32":
    # Windows has none; `check_supported` says so to the user.
    import resource

IS_LINUX = sys.platform == "linux"

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_SCHED_RESET_ON_FORK = 0x40000000
_TFD_TIMER_ABSTIME = 1
_CLOCK_MONOTONIC = 1
_RLIMIT_RTTIME = 15

NICE = 5
"""Niceness of every process but the engine: what runs away there waits for the media tick, not the other way round."""

GRANTED = "on"
UNSUPPORTED = "not on this system"


def check_supported() -> None:
    """Refuses systems that voxrt cannot run on.

    Raises:
        ConfigError: This is Windows.
    """
    if sys.platform == "win32":
        raise ConfigError(
            "platform.windows", "voxrt runs on Windows through WSL2: install it and run voxrt there."
        )


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _refused(code: int) -> str:
    return f"refused: {os.strerror(code)}"


def _prctl(option: int, argument: int, structure: ctypes.Structure | None = None) -> str:
    """Calls prctl(2); returns `GRANTED`, `UNSUPPORTED` or why it was refused."""
    if not IS_LINUX:
        return UNSUPPORTED
    pointer = None if structure is None else ctypes.byref(structure)
    if _libc().prctl(option, ctypes.c_ulong(argument), pointer, 0, 0) == 0:
        return GRANTED
    return _refused(ctypes.get_errno())


def adopt_orphans() -> str:
    """Makes this process the parent of grandchildren whose own parent ends (PR_SET_CHILD_SUBREAPER)."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def deny_new_privileges() -> str:
    """Makes set-uid programs harmless to this process and its children (PR_SET_NO_NEW_PRIVS)."""
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent() -> str:
    """Has this process killed when its parent ends (PR_SET_PDEATHSIG); a parent that is gone already is not noticed."""
    return _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def await_adoption(parent: int) -> None:
    """Returns once the ending process `parent` has given this one away; at once where nothing depends on it.

    An ending process closes its descriptors before it gives its children away, so no pipe can tell.
    """
    while IS_LINUX and os.getppid() == parent:
        os.sched_yield()


class _FilterProgram(ctypes.Structure):
    _fields_ = (("instructions", ctypes.c_ushort), ("program", ctypes.c_char_p))


def filter_system_calls(program: bytes) -> str:
    """Puts this process and its future children under a filter of system calls, for good (PR_SET_SECCOMP).

    Args:
        program: Instructions of 8 bytes (`struct sock_filter`); without privileges, after `deny_new_privileges`.
    """
    return _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, _FilterProgram(len(program) // 8, program))


def lower_priority(pid: int = 0) -> str:
    """Gives a process and its future children niceness NICE, unless theirs is higher already.

    Args:
        pid: Of a child; this process when 0.

    Returns:
        `GRANTED` or why it was refused.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, pid, max(NICE, os.getpriority(os.PRIO_PROCESS, pid)))
    except OSError as error:
        return f"refused: {error.strerror}"
    # Where Linux groups processes by session, niceness counts within a group; every helper is a session of its own.
    # Unbuffered, as bytes: more of Python here would cost each session process memory that it shares now.
    with suppress(OSError), open(f"/proc/{pid or 'self'}/autogroup", "wb", buffering=0) as group:
        group.write(str(NICE).encode())
    return GRANTED


def limit_resource(kind: int, value: int) -> str:
    """Sets the soft and the hard limit of one resource, never above the present hard limit."""
    try:
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError) as error:
        return f"refused: {error}"
    return GRANTED


def address_space_bytes() -> int | None:
    """Bytes of address space this process has mapped; None where the system does not tell."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    # Not `open`, which may import a codec: a confined process cannot read the interpreter's files.
    pages = os.read(descriptor, 200).split()[0]
    os.close(descriptor)
    return int(pages) * resource.getpagesize()


def pss_bytes(pid: int) -> int | None:
    """Proportional memory of a process, in bytes; None where the system does not tell (macOS, or it has ended)."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
            return next((int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:")), None)
    except OSError:
        return None


class Exited(msgspec.Struct, frozen=True):
    """How a process ended: with `status`, or by the signal `killed_by`."""

    status: int = 0
    killed_by: int | None = None

    def __str__(self) -> str:
        if self.killed_by is None:
            return f"with status {self.status}"
        try:
            return f"by {signal.Signals(self.killed_by).name}"
        except ValueError:
            return f"by signal {self.killed_by}"


def _exited(status: int) -> Exited:
    code = os.waitstatus_to_exitcode(status)
    return Exited(status=code) if code >= 0 else Exited(killed_by=-code)


class Process:
    """A child (or adopted grandchild) of this process, held by pidfd where there is one.

    Args:
        pid: Its process id; it must not have been waited for.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd: int | None = None
        self._exited: Exited | None = None
        if IS_LINUX:
            try:
                self._fd = os.pidfd_open(pid)
            except ProcessLookupError:
                self._exited = Exited()

    def fileno(self) -> int | None:
        """Descriptor that is readable once the process has ended; None where the system has none."""
        return self._fd

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal; does nothing once the process has been waited for."""
        if self._exited is not None:
            return
        try:
            if self._fd is not None:
                signal.pidfd_send_signal(self._fd, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def poll(self) -> Exited | None:
        """Waits for the process without blocking; None while it runs."""
        if self._exited is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                # Not adopted (macOS): only that it is gone can be known.
                self._exited = None if self._is_alive() else Exited()
            else:
                self._exited = _exited(status) if pid else None
        return self._exited

    def wait(self) -> Exited:
        """Blocks until the process has ended; for one that was killed."""
        if self._exited is None:
            try:
                self._exited = _exited(os.waitpid(self.pid, 0)[1])
            except ChildProcessError:
                self._exited = Exited()
        return self._exited

    def destroy(self) -> None:
        """Kills the process, waits for it, and closes the descriptor."""
        self.send_signal(signal.SIGKILL)
        self.wait()
        self.close()

    def _is_alive(self) -> bool:
        if self._fd is not None:
            return not select.select([self._fd], [], [], 0)[0]
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """Closes the descriptor; the process itself is left alone."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class FifoScheduling(msgspec.Struct, frozen=True):
    """Outcome of `request_fifo`: whether it was granted, and the line that tells the operator."""

    granted: bool
    message: str


def request_fifo(priority: int, runaway_s: float, on_runaway: Callable[[], None]) -> FifoScheduling:
    """Asks for SCHED_FIFO for this process; its children start with normal scheduling.

    A loop that never sleeps would lock up a core, so after `runaway_s` seconds without a blocking call SIGXCPU
    drops the process back to normal scheduling (RLIMIT_RTTIME) and calls `on_runaway`.

    Args:
        priority: 1 to 99.
        runaway_s: Seconds of uninterrupted CPU.
        on_runaway: Runs in the signal handler.
    """
    if not IS_LINUX:
        return FifoScheduling(granted=False, message=f"real-time scheduling: {UNSUPPORTED}")

    def drop(_signal: int, _frame: object) -> None:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        on_runaway()

    try:
        signal.signal(signal.SIGXCPU, drop)
        soft_us = int(runaway_s * 1_000_000)
        _, hard = resource.getrlimit(_RLIMIT_RTTIME)
        resource.setrlimit(
            _RLIMIT_RTTIME, (soft_us if hard == resource.RLIM_INFINITY else min(soft_us, hard), hard)
        )
        os.sched_setscheduler(0, os.SCHED_FIFO | _SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError as error:
        return FifoScheduling(
            granted=False, message=f"real-time scheduling {_refused(error.errno or errno.EPERM)}"
        )
    return FifoScheduling(granted=True, message=f"real-time scheduling on, priority {priority}")


def request_thread_fifo(priority: int) -> bool:
    """Asks for SCHED_FIFO for the calling thread alone, which must be one that waits most of the time.

    Args:
        priority: 1 to 99.

    Returns:
        Whether it was granted.
    """
    if not IS_LINUX:
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | _SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError:
        return False
    return True


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("first", _TimeSpec))


def _timespec(seconds: float) -> _TimeSpec:
    nanoseconds = round(seconds * 1e9)
    return _TimeSpec(nanoseconds // 1_000_000_000, nanoseconds % 1_000_000_000)


class IntervalTimer:
    """A descriptor that becomes readable at absolute times (timerfd).

    Args:
        first: First time, in seconds of the monotonic clock.
        interval: Seconds between two times.

    Raises:
        OSError: The system has no timerfd; see `has_interval_timer`.
    """

    def __init__(self, first: float, interval: float) -> None:
        libc = _libc()
        self._fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        spec = _TimerSpec(_timespec(interval), _timespec(first))
        if libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(spec), None) != 0:
            code = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(code, "timerfd_settime")

    def fileno(self) -> int:
        return self._fd

    def expirations(self) -> int:
        """Times that have passed since the last call."""
        try:
            return int.from_bytes(os.read(self._fd, 8), sys.byteorder)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        os.close(self._fd)


def has_interval_timer() -> bool:
    """Whether `IntervalTimer` works here."""
    return IS_LINUX and hasattr(_libc(), "timerfd_create")


def capabilities() -> Mapping[str, str]:
    """What this system offers, for `voxrt doctor`: each capability is `on` or says what is missing."""

    def report(works: bool) -> str:
        return GRANTED if works else UNSUPPORTED

    return {
        "pidfd": report(IS_LINUX and hasattr(os, "pidfd_open")),
        "subreaper": report(IS_LINUX),
        "no_new_privs": report(IS_LINUX),
        "timerfd": report(has_interval_timer()),
        "fifo": _fifo_probe(),
        "pss": report(pss_bytes(os.getpid()) is not None),
    }


def _fifo_probe() -> str:
    if not IS_LINUX:
        return UNSUPPORTED
    soft, _ = resource.getrlimit(resource.RLIMIT_RTPRIO)
    if os.geteuid() == 0 or soft > 0:
        return GRANTED
    return "refused: needs CAP_SYS_NICE, or an rtprio limit in /etc/security/limits.conf"
