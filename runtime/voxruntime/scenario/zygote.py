"""The zygote: a small process that holds a booted Lua state and forks session processes from it.

It is exec'd fresh, has one thread and no secret, so a fork of it inherits nothing of other sessions. It forks twice:
the process between ends at once, and the engine, which adopts orphans, becomes the session's parent. So
killing the zygote ends no session. It ends when its socket does.
"""

from __future__ import annotations

import errno
import gc
import os
import socket
import sys
from typing import NamedTuple, NoReturn

from voxruntime import platform
from voxruntime.scenario import heap, isolation, seccomp
from voxruntime.scenario.driver import Driver
from voxruntime.scenario.isolation import Confinement
from voxruntime.scenario.seccomp import Filter
from voxruntime.scenario.state import LuaState, read_stdlib
from voxruntime.scenario.wire import EXIT_OUT_OF_MEMORY, FAILED, FORK, FORKED, READY, ZYGOTE_REPLY
from voxruntime.turn.framing import frame
from voxruntime.turn.messages import LogLine, encode

_SOCKETS = 2


class _Prepared(NamedTuple):
    """What every session process inherits."""

    confinement: Confinement
    system_calls: Filter
    state: LuaState


def main() -> NoReturn:
    """Serves the socket whose descriptor is the first argument; the second is the folder of stdlib."""
    # Nothing here makes cycles, and a collection would touch, and so copy, the pages shared with children.
    gc.disable()
    control = socket.socket(fileno=int(sys.argv[1]))
    os.setsid()
    prepared = _Prepared(isolation.prepare(), seccomp.build(), LuaState(read_stdlib(sys.argv[2])))
    # Not before: until it is ready, a session waits for it.
    platform.lower_priority()
    heap.fill_gaps()
    gc.freeze()
    control.sendall(ZYGOTE_REPLY.pack(READY, 0))
    while True:
        request, descriptors, _, _ = socket.recv_fds(control, len(FORK), _SOCKETS)
        if not request:
            os._exit(0)
        if len(descriptors) == _SOCKETS:
            control.sendall(_fork_session(descriptors[0], descriptors[1], prepared))
        else:
            control.sendall(ZYGOTE_REPLY.pack(FAILED, errno.EMFILE))
        for descriptor in descriptors:
            os.close(descriptor)


def _fork_session(turn_fd: int, log_fd: int, prepared: _Prepared) -> bytes:
    """Forks twice; returns the reply that names the grandchild's pid, or why there is none."""
    try:
        report, report_of_middle = os.pipe()
    except OSError as error:
        return _failed(error)
    try:
        middle = os.fork()
    except OSError as error:
        os.close(report)
        os.close(report_of_middle)
        return _failed(error)
    if middle == 0:
        _fork_again(report_of_middle, turn_fd, log_fd, prepared)
    os.close(report_of_middle)
    answer = os.read(report, ZYGOTE_REPLY.size)
    os.close(report)
    # Only now is the grandchild an orphan, and the engine its parent.
    os.waitpid(middle, 0)
    # Nothing comes from one that was killed on its way, and the engine waits for an answer.
    return answer or ZYGOTE_REPLY.pack(FAILED, errno.EAGAIN)


def _failed(error: OSError) -> bytes:
    return ZYGOTE_REPLY.pack(FAILED, error.errno or 0)


def _fork_again(report: int, turn_fd: int, log_fd: int, prepared: _Prepared) -> NoReturn:
    middle = os.getpid()
    try:
        orphaned, parent_lives = os.pipe()
        pid = os.fork()
    except OSError as error:
        os.write(report, _failed(error))
        os._exit(1)
    if pid != 0:
        os.write(report, ZYGOTE_REPLY.pack(FORKED, pid))
        os._exit(0)
    os.close(parent_lives)
    os.read(orphaned, 1)
    # Only now is the engine the parent whose end must be this one's; before, it would be the process between.
    platform.await_adoption(middle)
    _run_session(turn_fd, log_fd, prepared)


def _run_session(turn_fd: int, log_fd: int, prepared: _Prepared) -> NoReturn:
    status = 1
    try:
        confinement = isolation.confine(prepared.confinement, turn_fd, log_fd, prepared.system_calls)
        Driver(turn_fd, log_fd, prepared.state, confinement).serve()
        status = 0
    except MemoryError:
        status = EXIT_OUT_OF_MEMORY
    except (BrokenPipeError, ConnectionResetError):
        status = 0
    except BaseException as error:
        line = LogLine(0, "error", f"The scenario process failed: {type(error).__name__}: {error}")
        os.write(log_fd, frame(encode(line)))
        raise
    finally:
        # Never a polite end: closing a Lua state would run code in it.
        os._exit(status)


if __name__ == "__main__":
    main()
