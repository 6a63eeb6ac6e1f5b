"""An asyncio loop whose time jumps: tests of minutes run in milliseconds, and never race.

The loop jumps to its next timer when no callback is ready, no file descriptor is readable and the work count
of `clock.py` is zero. While work is counted (a turn in another process), it waits for descriptors in real
time. Watchdogs run in real time throughout.
"""

from __future__ import annotations

import asyncio
import heapq
import selectors
from collections.abc import Callable, Coroutine
from typing import TypeVar

from voxruntime.clock import WorkCount, real_now

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Asks the loop what to do where an ordinary selector would sleep."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # First of all, so that no flood of ready descriptors or timers puts a watchdog off.
        seconds_to_watchdog = self.loop.run_due_watchdog()
        ready = super().select(0)
        if ready or seconds_to_watchdog == 0 or (timeout is not None and timeout <= 0):
            return ready
        if self.loop.work.running == 0 and timeout is not None:
            self.loop.jump(timeout)
            return ready
        return super().select(seconds_to_watchdog)


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module's text. `work` is the count that holds time still."""

    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        self.work = WorkCount()
        self._virtual_now = 0.0
        self._watchdogs: list[tuple[float, int, asyncio.Handle, Callable[[], None]]] = []
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
        heapq.heappush(self._watchdogs, (real_now() + timeout, self._watchdog_count, handle, callback))
        return handle

    def run_due_watchdog(self) -> float | None:
        """Queues the first watchdog that is due; returns real seconds until the next, None without any."""
        while self._watchdogs:
            due, _, handle, callback = self._watchdogs[0]
            left = due - real_now()
            if left > 0 and not handle.cancelled():
                return left
            heapq.heappop(self._watchdogs)
            if not handle.cancelled():
                self.call_soon(self._bark, handle, callback)
                return 0.0
        return None

    def _bark(self, handle: asyncio.Handle, callback: Callable[[], None]) -> None:
        if not handle.cancelled():
            callback()


def run(main: Coroutine[object, object, T]) -> T:
    """Runs a coroutine to its end in virtual time and returns its result."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
