"""The engine's side of the zygote: starts it, asks it for session processes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque

from voxruntime import platform
from voxruntime.scenario.wire import FAILED, FORK, FORKED, READY, ZYGOTE_REPLY
from voxruntime.scenario.zygote_launch import LaunchedZygote


class ZygoteGone(Exception):
    """The zygote ended before it answered; `was_ready` tells whether it had started."""

    def __init__(self, was_ready: bool) -> None:
        super().__init__(was_ready)
        self.was_ready = was_ready


class ZygoteLink:
    """A running zygote, ended by `close`."""

    def __init__(self, launched: LaunchedZygote) -> None:
        self._process, self._control = launched
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self._waiting: deque[asyncio.Future[int]] = deque()
        self._is_ready = False
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self.is_alive = True
        self._loop.add_reader(self._control, self._on_readable)

    @property
    def pid(self) -> int:
        """Process id of the zygote."""
        return self._process.pid

    async def fork(self, turn: socket.socket, log: socket.socket) -> int:
        """Has a session process forked that owns the two sockets; returns its pid.

        Raises:
            ZygoteGone: The zygote ended first.
            OSError: It could not fork.
        """
        if not self.is_alive:
            raise ZygoteGone(self._is_ready)
        answered: asyncio.Future[int] = self._loop.create_future()
        try:
            socket.send_fds(self._control, [FORK], [turn.fileno(), log.fileno()])
        except OSError:
            self._on_gone()
            raise ZygoteGone(self._is_ready) from None
        self._waiting.append(answered)
        return await answered

    async def close(self) -> None:
        """Lets the zygote answer what it was asked, then end. One that is not ready yet ends at once."""
        if not self._is_ready:
            self.kill()
        if self.is_alive:
            self._control.shutdown(socket.SHUT_WR)
            await self._gone

    def kill(self) -> None:
        """Ends the zygote at once. Sessions go on; a fork under way may be lost."""
        self._on_gone()

    def _on_readable(self) -> None:
        try:
            chunk = self._control.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._on_gone()
            return
        self._buffer += chunk
        while len(self._buffer) >= ZYGOTE_REPLY.size:
            kind, number = ZYGOTE_REPLY.unpack_from(self._buffer)
            self._buffer = self._buffer[ZYGOTE_REPLY.size :]
            if kind == READY:
                self._is_ready = True
            elif self._waiting:
                self._settle(self._waiting.popleft(), kind, number)

    @staticmethod
    def _settle(answered: asyncio.Future[int], kind: bytes, number: int) -> None:
        if answered.done():
            # Whoever asked has gone; nobody else would wait for the process.
            if kind == FORKED:
                platform.Process(number).destroy()
        elif kind == FAILED:
            answered.set_exception(OSError(number, os.strerror(number)))
        else:
            answered.set_result(number)

    def _on_gone(self) -> None:
        if not self.is_alive:
            return
        self.is_alive = False
        self._loop.remove_reader(self._control)
        self._control.close()
        self._process.destroy()
        self._gone.set_result(None)
        for answered in self._waiting:
            if not answered.done():
                answered.set_exception(ZygoteGone(self._is_ready))
        self._waiting.clear()
