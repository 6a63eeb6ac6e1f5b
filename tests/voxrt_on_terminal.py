"""A command that runs on a terminal, as a person sits before it."""

from __future__ import annotations

import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pty_stand import TAKE_TERMINAL, Pty
from voxrt_command import VOXRT, environment

SILENT_CALLER = ("--call", "wav:silence.wav", "--hangup-after", "60")
"""A caller who says nothing, from a file that `voxrt_on` makes."""


@contextmanager
def voxrt_on(pty: Pty, folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `voxrt ARGUMENTS` on a terminal; it must end by itself within the block."""
    with wave.open(str(folder / "silence.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE_TERMINAL, VOXRT, *arguments],
        cwd=folder,
        env=environment({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}),
        stdin=pty.slave,
        stdout=pty.slave,
        stderr=pty.slave,
        start_new_session=True,
    )
    try:
        yield process
        process.wait(timeout=30)
        pty.read(timeout=0.2)
        assert "Traceback" not in pty.shown, pty.shown
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
