"""An asyncio loop whose time jumps: tests of minutes run in milliseconds, and never race.

The loop jumps to its next timer when no callback is ready, no file descriptor is readable and the work count
of `clock.py` is zero. While work is counted (a turn in another process), it waits for descriptors in real time.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import TypeVar

from voxruntime.clock import WorkCount

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Asks the loop what to do where an ordinary selector would sleep."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self.loop.work.running == 0 and timeout is not None:
            self.loop.jump(timeout)
            return ready
        return super().select(self.loop.seconds_to_watchdog())


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module's text. `work` is the count that holds time still."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        self.work = WorkCount()
        self._virtual_now = 0.0
        self._watchdogs: list[tuple[float, int, asyncio.Handle]] = []
        self._watchdog_count = 0
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual_now

    def jump(self, seconds: float) -> None:
        """Moves virtual time forward."""
        self._virtual_now += seconds

    def watchdog(self, timeout: float, callback: Callable[[], None]) -> asyncio.Handle:
        """Calls back after `timeout` seconds of real time."""
        handle = asyncio.Handle(callback, (), self)
        self._watchdog_count += 1
        heapq.heappush(self._watchdogs, (time.monotonic() + timeout, self._watchdog_count, handle))  # noqa: TID251
        return handle

    def seconds_to_watchdog(self) -> float | None:
        """Real seconds until the next watchdog; runs those that are due."""
        while self._watchdogs and self._watchdogs[0][2].cancelled():
            heapq.heappop(self._watchdogs)
        if not self._watchdogs:
            return None
        left = self._watchdogs[0][0] - time.monotonic()  # noqa: TID251
        if left <= 0:
            handle = heapq.heappop(self._watchdogs)[2]
            self.call_soon(handle._run)
            return 0.0
        return left


def run(main: Coroutine[object, object, T]) -> T:
    """Runs a coroutine to its end in virtual time and returns its result."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
