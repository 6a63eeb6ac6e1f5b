"""The only module that reads time. Shells hold a `Clock`; cores receive `now`.

A clock rides on an asyncio loop: on the loop users get it is real time; on `testing.virtual_loop` the loop
jumps to its next timer whenever nothing is at work. What is at work is counted here, by tokens: a turn in
flight, a helper job, an in-memory delivery. Virtual time moves only when the count is zero, so a reply from
another process never arrives "late". Watchdogs, which guard against work that never ends, use real time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Protocol


class WorkCount:
    """Counts work that virtual time must wait for."""

    def __init__(self) -> None:
        self._running = 0

    @property
    def running(self) -> int:
        """How many pieces of work have begun and not ended."""
        return self._running

    def begin(self) -> None:
        """Takes a token: virtual time stands still until the matching `end`."""
        self._running += 1

    def end(self) -> None:
        """Gives a token back.

        Raises:
            AssertionError: More tokens were given back than taken.
        """
        assert self._running > 0, "WorkCount.end without begin"
        self._running -= 1

    @contextmanager
    def token(self) -> Iterator[None]:
        """Holds a token for the length of a `with` block."""
        self.begin()
        try:
            yield
        finally:
            self.end()


class VirtualTime(Protocol):
    """What a loop with virtual time offers beside asyncio's interface."""

    work: WorkCount

    def watchdog(self, timeout: float, callback: Callable[[], None]) -> asyncio.Handle: ...


class Timer:
    """A callback that waits for its time."""

    def __init__(self, callback: Callable[[], None], moment: _Moment) -> None:
        self._callback: Callable[[], None] | None = callback
        self._moment = moment
        self.context = copy_context()

    @property
    def is_pending(self) -> bool:
        """Whether the callback has neither run nor been cancelled."""
        return self._callback is not None

    def cancel(self) -> None:
        """Forgets the callback. Harmless at any time, also from a callback of the same deadline."""
        if self._callback is not None:
            self._callback = None
            self._moment.drop(self)

    def run(self) -> None:
        """Runs the callback, once; the clock calls this at the deadline."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class _Moment:
    """The timers of one deadline, in order of creation; a loop's own timers lose that order when they tie."""

    def __init__(self, forget: Callable[[], None]) -> None:
        self.timers: dict[Timer, None] = {}
        self._forget = forget

    def take_all(self) -> list[Timer]:
        timers = list(self.timers)
        self.timers.clear()
        return timers

    def drop(self, timer: Timer) -> None:
        if timer in self.timers:
            del self.timers[timer]
            if not self.timers:
                self._forget()


class Clock:
    """Time of one engine: monotonic seconds from its start, and wall time derived from them.

    Args:
        loop: The running loop; its time is the clock's time.
        wall_start_ms: Wall time at the clock's start, ms since 1970 UTC; the real wall time when None.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, wall_start_ms: int | None = None) -> None:
        self._loop = loop
        # Asked some hundred times a second for each session, so without the loop's own layer where that is all it adds.
        self._time = time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time
        self._start = loop.time()
        self._reached = 0.0
        self._moments: dict[float, _Moment] = {}
        self._wall_start_ms = int(time.time() * 1000) if wall_start_ms is None else wall_start_ms
        self.work: WorkCount = getattr(loop, "work", None) or WorkCount()

    @property
    def is_virtual(self) -> bool:
        """Whether time jumps from timer to timer instead of passing."""
        return hasattr(self._loop, "watchdog")

    def now(self) -> float:
        """Seconds since the clock's start. A callback never sees a time before its deadline."""
        # A loop may call back a tick early, and subtraction rounds; a core that compares `now` with its own
        # deadline would then ask for the same deadline again, for ever where time jumps.
        now = self._time() - self._start
        return now if now > self._reached else self._reached  # max() takes twice as long

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC; never steps, since it is derived from `now`."""
        return self._wall_start_ms + round(self.now() * 1000)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop this clock rides on."""
        return self._loop

    def loop_time(self, deadline: float) -> float:
        """Converts seconds of this clock into the loop's own time: the system's monotonic clock, unless virtual."""
        return self._start + deadline

    def call_at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        """Calls back once at `deadline` seconds of this clock; equal deadlines in order of creation."""
        moment = self._moments.get(deadline)
        if moment is None:
            handle = self._loop.call_at(self._start + deadline, self._arrive, deadline)
            moment = self._moments[deadline] = _Moment(partial(self._forget, deadline, handle))
        timer = Timer(callback, moment)
        moment.timers[timer] = None
        return timer

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Calls back once, `delay` seconds from now."""
        return self.call_at(self.now() + delay, callback)

    def _arrive(self, deadline: float) -> None:
        self._reached = max(self._reached, deadline)
        for timer in self._moments.pop(deadline).take_all():
            self._loop.call_soon(timer.run, context=timer.context)

    def _forget(self, deadline: float, handle: asyncio.TimerHandle) -> None:
        handle.cancel()
        del self._moments[deadline]

    async def sleep_until(self, deadline: float) -> None:
        """Returns at `deadline`, at once if it has passed."""
        arrived = asyncio.Event()
        timer = self.call_at(deadline, arrived.set)
        try:
            await arrived.wait()
        finally:
            timer.cancel()

    async def give_way(self) -> None:
        """Returns at once, but lets everything go first that is due by now."""
        await asyncio.sleep(0)

    async def sleep(self, delay: float) -> None:
        """Returns after `delay` seconds."""
        await self.sleep_until(self.now() + delay)

    def watchdog(self, timeout: float, callback: Callable[[], None]) -> asyncio.Handle:
        """Calls back after `timeout` seconds of real time, in virtual time too."""
        if self.is_virtual:
            virtual: VirtualTime = self._loop  # type: ignore[assignment]  # checked by is_virtual
            return virtual.watchdog(timeout, callback)
        return self._loop.call_later(timeout, callback)


def real_now() -> float:
    """Real monotonic seconds, for measurements that virtual time must not change."""
    return time.monotonic()


def cpu_now() -> float:
    """CPU seconds this process has used."""
    return time.process_time()
