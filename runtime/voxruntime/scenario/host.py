"""Gives sessions their processes: keeps a zygote, and a few processes warm."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from weakref import WeakSet

from voxruntime import platform
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.errors import InternalError
from voxruntime.scenario.process import Forked, ScenarioObserver, ScenarioProcess
from voxruntime.scenario.wire import decode_hello
from voxruntime.scenario.zygote_launch import LaunchedZygote, launch_zygote
from voxruntime.scenario.zygote_link import ZygoteGone, ZygoteLink
from voxruntime.turn.framing import FrameReader

ZYGOTE_CLOSE_S = 2.0
"""Seconds the zygote gets to answer what it was asked before it is killed."""

_HELLO_BYTES = 4096


class ScenarioHost:
    """Starts session processes. `start`, then `spawn` as often as needed, then `close`.

    Args:
        clock: Of the engine; spawning counts as work, so virtual time waits for it.
        warm: How many processes wait ready; each costs 1 to 2 MB.
        on_isolation: Hears once what confines session processes here (`on`, or why it was refused, by name).
    """

    def __init__(
        self, clock: Clock, *, warm: int = 1, on_isolation: Callable[[Mapping[str, str]], None] | None = None
    ) -> None:
        self._clock = clock
        self._warm_wanted = warm
        self._on_isolation = on_isolation
        self._zygote: ZygoteLink | None = None
        self._warm: deque[asyncio.Task[Forked]] = deque()
        self._processes: WeakSet[ScenarioProcess] = WeakSet()
        self._is_closed = False

    @property
    def zygote_pid(self) -> int | None:
        """Process id of the zygote; None when none runs."""
        return self._zygote.pid if self._zygote is not None and self._zygote.is_alive else None

    async def start(self, launched: LaunchedZygote | None = None) -> None:
        """Starts the zygote, unless it was launched before, and the warm processes, without waiting for them.

        Raises:
            InternalError: The interpreter could not be started.
        """
        platform.check_supported()
        platform.adopt_orphans()
        self._zygote = ZygoteLink(launched or launch_zygote())
        self._refill()

    async def spawn(self, limits: Limits, observer: ScenarioObserver) -> ScenarioProcess:
        """Returns a process for one session, warm if there is one.

        Raises:
            InternalError: No process could be started: `scenario.zygote` when the zygote does not start,
                `scenario.fork` when the system refuses more processes or descriptors.
        """
        with self._clock.work.token():
            forked = await self._take()
        self._refill()
        process = ScenarioProcess(forked, self._clock, limits, observer)
        self._processes.add(process)
        return process

    def count_slow(self, seconds: float) -> tuple[int, int]:
        """Returns how many running processes have had a turn for at least so many seconds, and how many run."""
        times = [turn_s for process in self._processes if (turn_s := process.turn_s) is not None]
        return sum(turn_s >= seconds for turn_s in times), len(times)

    async def close(self) -> None:
        """Ends the zygote and the warm processes. Processes of sessions go on."""
        self._is_closed = True
        if self._zygote is not None:
            watchdog = self._clock.watchdog(ZYGOTE_CLOSE_S, self._zygote.kill)
            with self._clock.work.token():
                await self._zygote.close()
            watchdog.cancel()
        for forking in self._warm:
            with suppress(InternalError):
                _discard(await forking)
        self._warm.clear()

    async def _take(self) -> Forked:
        while self._warm:
            # One that could not be forked earlier says nothing about now.
            with suppress(InternalError):
                forked = await self._warm.popleft()
                if forked.process.poll() is None:
                    return forked
                _discard(forked)
        return await self._fork()

    def _refill(self) -> None:
        loop = asyncio.get_running_loop()
        while len(self._warm) < self._warm_wanted and not self._is_closed:
            self._warm.append(loop.create_task(self._fork()))

    async def _fork(self) -> Forked:
        for _ in range(2):
            if self._is_closed:
                break
            if self._zygote is None or not self._zygote.is_alive:
                self._zygote = ZygoteLink(launch_zygote())
            try:
                return await self._fork_from(self._zygote)
            except ZygoteGone as gone:
                if not gone.was_ready:
                    break
            except OSError as error:
                raise InternalError(
                    "scenario.fork", f"No scenario process can be started: {error.strerror}."
                ) from None
        raise InternalError("scenario.zygote", "The process that starts scenario processes does not start.")

    async def _fork_from(self, zygote: ZygoteLink) -> Forked:
        with ExitStack() as undo:
            turn, turn_of_scenario = _socket_pair(undo)
            log, log_of_scenario = _socket_pair(undo)
            with turn_of_scenario, log_of_scenario:
                process = platform.Process(await zygote.fork(turn_of_scenario, log_of_scenario))
            undo.callback(process.destroy)
            isolation = await self._hello(turn)
            undo.pop_all()
        return Forked(process, turn, log, isolation)

    async def _hello(self, turn: socket.socket) -> Mapping[str, str]:
        reader = FrameReader(_HELLO_BYTES)
        loop = asyncio.get_running_loop()
        while chunk := await loop.sock_recv(turn, _HELLO_BYTES):
            for body in reader.feed(chunk):
                isolation = decode_hello(body).isolation
                if self._on_isolation is not None:
                    self._on_isolation(isolation)
                    self._on_isolation = None
                return isolation
        raise InternalError("scenario.fork", "A scenario process ended before it was ready.")


def _socket_pair(undo: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Returns the engine's end, which does not block, and the scenario's."""
    ours, theirs = socket.socketpair()
    undo.push(ours)
    undo.push(theirs)
    ours.setblocking(False)
    return ours, theirs


def _discard(forked: Forked) -> None:
    """Ends a process that no session uses."""
    forked.process.destroy()
    forked.turn.close()
    forked.log.close()
