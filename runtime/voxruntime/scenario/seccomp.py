"""The filter of system calls that a session process runs under: it may use its sockets and memory, and nothing else.

libseccomp (github.com/seccomp/libseccomp; on every Debian and Ubuntu, whose apt needs it) makes the kernel's program of
the names below, for any architecture. That happens once per zygote, in a process of its own: a session process gets
the bytes and never loads the library.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Sequence

import msgspec

from voxruntime import platform

LIBRARY = "libseccomp.so.2"

ALLOWED = (
    "brk", "clock_gettime", "exit", "exit_group", "futex", "getrusage", "gettimeofday", "madvise", "mremap", "munmap",
    "read", "restart_syscall", "rt_sigreturn", "setitimer", "time", "write",
)  # fmt: skip
"""What it takes to read turns, run Lua within limits and write replies."""

FATAL = (
    "add_key", "bpf", "chroot", "clone", "clone3", "execve", "execveat", "finit_module", "fork", "init_module",
    "io_uring_setup", "kexec_load", "keyctl", "kill", "memfd_create", "mount", "open_by_handle_at", "perf_event_open",
    "pidfd_getfd", "pidfd_open", "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "request_key",
    "setns", "socket", "socketpair", "unshare", "userfaultfd", "vfork",
)  # fmt: skip
"""What nothing calls here but code that broke out of Lua: it ends the process by SIGSYS. All else fails with EPERM,
which the libraries in the process can live with."""

_KILL_PROCESS, _ALLOW, _FAIL = 0x80000000, 0x7FFF0000, 0x00050000 | errno.EPERM
_EQUAL, _MASKED_EQUAL = 4, 7
_OPTIMIZE, _BINARY_TREE = 8, 2
_UNKNOWN = -1

_NO_LIBRARY, _LIBRARY_FAILED = 1, 2


class _Condition(ctypes.Structure):
    """`struct scmp_arg_cmp`: an argument by its position, how it is compared, and with what."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("comparison", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


# No memory becomes code, and the only limits that change are this process's own.
_ALLOWED_IF = (
    ("mmap", _Condition(2, _MASKED_EQUAL, mmap.PROT_EXEC, 0)),
    ("prlimit64", _Condition(0, _EQUAL, 0, 0)),
)


class Filter(msgspec.Struct, frozen=True):
    """A program for the kernel, or why there is none.

    Attributes:
        program: Instructions of the kernel's filter machine; empty when it could not be made.
        problem: Why not, and what to do about it.
    """

    program: bytes = b""
    problem: str = ""

    def install(self) -> str:
        """Puts this process under the filter, for good.

        Returns:
            `on`, or `off: ` and why.
        """
        if not self.program:
            return f"off: {self.problem}"
        outcome = platform.filter_system_calls(self.program)
        return outcome if outcome == platform.GRANTED else f"off: the kernel, or the container, {outcome}"


def build() -> Filter:
    """Makes the filter, in a child that has ended when this returns. The process must have one thread."""
    if not platform.IS_LINUX:
        return Filter(problem=platform.UNSUPPORTED)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = _LIBRARY_FAILED
        try:
            status = _export(writer)
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        program = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == _NO_LIBRARY:
        return Filter(problem=f"{LIBRARY} is not installed (Debian, Ubuntu: apt-get install libseccomp2)")
    return Filter(program) if status == 0 else Filter(problem=f"{LIBRARY} cannot make the filter here")


def _export(descriptor: int) -> int:
    """Writes the program to a descriptor; returns the status to exit with."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return _NO_LIBRARY
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_FAIL)))
    library.seccomp_attr_set(context, _OPTIMIZE, ctypes.c_uint32(_BINARY_TREE))
    rules: list[tuple[int, str, Sequence[_Condition]]] = [
        *((_ALLOW, name, ()) for name in ALLOWED),
        *((_ALLOW, name, (condition,)) for name, condition in _ALLOWED_IF),
        *((_KILL_PROCESS, name, ()) for name in FATAL),
    ]
    for action, name, conditions in rules:
        number = library.seccomp_syscall_resolve_name(name.encode())
        array = (_Condition * len(conditions))(*conditions)
        if number == _UNKNOWN:
            # Newer than the library: it fails like all that is not named.
            continue
        if library.seccomp_rule_add_array(context, ctypes.c_uint32(action), number, len(conditions), array):
            return _LIBRARY_FAILED
    return 0 if library.seccomp_export_bpf(context, descriptor) == 0 else _LIBRARY_FAILED
