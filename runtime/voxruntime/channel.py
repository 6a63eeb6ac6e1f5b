"""The engine's end of the line to a helper process: one exec'd Python, one socket pair, bytes both ways."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence

from voxruntime import platform
from voxruntime.clock import WorkCount

_HIGH_WATER_BYTES = 256 * 1024
_REAP_S = 1.0


class Channel(asyncio.Protocol):
    """One run of a helper process, from `spawn` until `lost`.

    While more waits to be sent than the socket takes at once, it holds a work token: virtual time stands
    still, which would otherwise make sound faster than a disk can store it.

    Args:
        on_bytes: Told what the process writes, cut anywhere.
        work: Where tokens come from.
    """

    def __init__(self, on_bytes: Callable[[bytes], None], work: WorkCount) -> None:
        self._on_bytes = on_bytes
        self._work = work
        self._transport: asyncio.Transport | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_paused = False
        self._is_over = False
        self.lost = asyncio.Event()
        """Set once the process has ended, or is about to."""

    @classmethod
    async def spawn(
        cls, command: Sequence[str], on_bytes: Callable[[bytes], None], work: WorkCount
    ) -> Channel:
        """Starts the process. It may be sent requests at once; it reads them when it is up.

        Args:
            command: The module to run, then arguments; the number of its end of the socket pair comes last.
            on_bytes: As for the class.
            work: As for the class.

        Raises:
            OSError: The system refuses another process or socket.
        """
        ours, theirs = socket.socketpair()
        channel = cls(on_bytes, work)
        with theirs:
            try:
                channel._process = _start_process(command, theirs)
            except OSError:
                ours.close()
                raise
        await asyncio.get_running_loop().create_connection(lambda: channel, sock=ours)
        return channel

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process is not None
        return self._process.pid

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait to be sent."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def send(self, octets: bytes) -> None:
        """Sends bytes; nothing happens after `finish` or once the process is gone."""
        if self._transport is not None and not self._is_over:
            self._transport.write(octets)

    def finish(self) -> None:
        """Lets the process do what it was asked, then end: `lost` follows."""
        if self._transport is not None and not self._is_over:
            self._is_over = True
            self._transport.write_eof()

    def kill(self) -> None:
        """Ends the process now: `lost` follows."""
        if self._process is not None and self._transport is not None:
            self._process.kill()
            self._transport.abort()

    def reap(self) -> None:
        """Takes the ended process off the system's table. Call after `lost`."""
        assert self._process is not None
        self._process.kill()
        # A process stuck in a dead network file system cannot even be killed; then it stays behind.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAP_S)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.set_write_buffer_limits(_HIGH_WATER_BYTES)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._on_bytes(data)

    def pause_writing(self) -> None:
        self._is_paused = True
        self._work.begin()

    def resume_writing(self) -> None:
        self._is_paused = False
        self._work.end()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # why does not matter
        if self._is_paused:
            self.resume_writing()
        self._is_over = True
        self.lost.set()


def _start_process(command: Sequence[str], connection: socket.socket) -> subprocess.Popen[bytes]:
    """Starts a process in a session of its own, where a terminal's Ctrl-C does not reach it."""
    descriptor = connection.fileno()
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", *command, str(descriptor)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        start_new_session=True,
        # One thread for numpy: the other cores belong to the calls.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    # From the start: what it imports takes longer than a scenario needs to begin.
    platform.lower_priority(process.pid)
    return process
