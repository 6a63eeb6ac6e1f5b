"""The only module that reads time. Shells hold a `Clock`; cores receive `now`.

A clock rides on an asyncio loop: on the loop users get it is real time; on `testing.virtual_loop` the loop
jumps to its next timer whenever nothing is at work. What is at work is counted here, by tokens: a turn in
flight, a helper job, an in-memory delivery. Virtual time moves only when the count is zero, so a reply from
another process never arrives "late". Watchdogs, which guard against work that never ends, use real time.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import Protocol

NEVER = math.inf

MANY_CANCELLED = 100
"""Cancelled timers that may stay until their deadline, beside half as many as wait in all."""

CROWD, TOGETHER_S = 100, 0.005
"""More waiting timers than these, some 25 sessions', go off together on the next multiple of 5 ms.

A wakeup of the engine for each, and a switch to each scenario process and back, cost more than what they do.
"""


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

    __slots__ = ("_callback", "_clock", "_context")

    def __init__(self, clock: Clock, callback: Callable[[], None]) -> None:
        self._clock = clock
        self._callback: Callable[[], None] | None = callback
        self._context = copy_context()

    @property
    def is_pending(self) -> bool:
        """Whether the callback has neither run nor been cancelled."""
        return self._callback is not None

    def cancel(self) -> None:
        """Forgets the callback. Harmless at any time, also from a callback of the same deadline."""
        if self._callback is not None:
            self._callback = None
            self._clock.on_cancelled(self)

    def run(self) -> None:
        """Runs the callback, once; the clock calls this at the deadline."""
        callback, self._callback = self._callback, None
        if callback is not None:
            self._context.run(callback)

    def again(self, deadline: float, callback: Callable[[], None]) -> None:
        """Waits once more, as a new timer would; for one that has run, not for one that was cancelled."""
        assert self._callback is None, "a pending timer has one deadline"
        self._callback = callback
        self._clock.add(deadline, self)


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
        self.latest = 0.0
        """What `now` returned last: good enough where a caller further up has just asked."""
        # By deadline, then order of creation, which a loop's own timers lose when they tie. One alarm of the loop serves
        # all of them, and is set anew once for all that are due together.
        self._timers: list[tuple[float, int, Timer]] = []
        self._created = 0
        self._cancelled = 0
        self._due: deque[Timer] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = NEVER
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
        self.latest = now = now if now > self._reached else self._reached  # max() takes twice as long
        return now

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC; never steps, since it is derived from `now`."""
        return self.wall_ms_at(self.now())

    def wall_ms_at(self, now: float) -> int:
        """What `wall_ms` is at a moment of this clock."""
        return self._wall_start_ms + round(now * 1000)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop this clock rides on."""
        return self._loop

    def loop_time(self, deadline: float) -> float:
        """Converts seconds of this clock into the loop's own time: the system's monotonic clock, unless virtual."""
        return self._start + deadline

    def call_at(self, deadline: float, callback: Callable[[], None]) -> Timer:
        """Calls back once at `deadline` seconds of this clock; equal deadlines in order of creation."""
        timer = Timer(self, callback)
        self.add(deadline, timer)
        return timer

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Calls back once, `delay` seconds from now."""
        return self.call_at(self.now() + delay, callback)

    def add(self, deadline: float, timer: Timer) -> None:
        """Lets a timer wait; timers call this."""
        self._created += 1
        heapq.heappush(self._timers, (deadline, self._created, timer))
        if deadline < self._alarm_at:
            self._set_alarm()

    def on_cancelled(self, timer: Timer) -> None:
        """Forgets a timer, at once where time would jump to its deadline; timers call this."""
        self._cancelled += 1
        if self._timers and self._timers[0][2] is timer:
            self._set_alarm()
        elif self._cancelled > len(self._timers) // 2 + MANY_CANCELLED:
            self._timers = [entry for entry in self._timers if entry[2].is_pending]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def _set_alarm(self) -> None:
        """Has the loop call back for the first timer that is pending."""
        while self._timers and not self._timers[0][2].is_pending:
            heapq.heappop(self._timers)
        deadline = self._timers[0][0] if self._timers else NEVER
        if len(self._timers) > CROWD and not self.is_virtual:
            deadline = math.ceil(deadline / TOGETHER_S) * TOGETHER_S
        if deadline == self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = deadline
        self._alarm = None if deadline == NEVER else self._loop.call_at(self._start + deadline, self._ring)

    def _ring(self) -> None:
        self._reached = max(self._reached, self._alarm_at)
        now, timers = self.now(), self._timers
        while timers and timers[0][0] <= now:
            self._due.append(heapq.heappop(timers)[2])
        # What the callbacks add sets no alarm of its own.
        self._alarm, self._alarm_at = None, -NEVER
        self._run_due()

    def _run_due(self) -> None:
        try:
            while self._due:
                self._due.popleft().run()
        finally:
            if self._due:
                # A callback has failed, which the loop reports; its neighbours go on.
                self._loop.call_soon(self._run_due)
            self._set_alarm()

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
