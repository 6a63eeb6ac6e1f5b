"""Starts a zygote. Needs no event loop and imports little, so a command can do it first and boot beside it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import NamedTuple

import voxruntime
from voxruntime import platform
from voxruntime.config import shipped
from voxruntime.errors import InternalError

_BOOT = "import sys; sys.path[:] = sys.argv[3:]; from voxruntime.scenario.zygote import main; main()"
"""Gives the zygote this process's module path: `-I` leaves out PYTHONPATH, `-S` the start-up files of packages."""


class LaunchedZygote(NamedTuple):
    """A zygote that boots; it ends when `control` is closed."""

    process: platform.Process
    control: socket.socket


def launch_zygote() -> LaunchedZygote:
    """Starts a zygote; it gets ready in the background.

    Raises:
        InternalError: The interpreter could not be started.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.set_inheritable(True)
    module_path = [str(Path(voxruntime.__file__).parent.parent), *filter(None, sys.path)]
    arguments = [str(theirs.fileno()), str(shipped("stdlib")), *module_path]
    to_null = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    try:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", _BOOT, *arguments],
            {},
            file_actions=to_null,
        )
    except OSError as error:
        ours.close()
        message = f"The interpreter {sys.executable} cannot be started: {error.strerror}."
        raise InternalError("scenario.zygote", message) from None
    finally:
        theirs.close()
    return LaunchedZygote(platform.Process(pid), ours)
