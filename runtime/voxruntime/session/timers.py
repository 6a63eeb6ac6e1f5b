"""`setTimeout` and `setInterval` of one session, kept by the engine's clock."""

from __future__ import annotations

from voxruntime.clock import Timer
from voxruntime.errors import ProtocolBreach
from voxruntime.session.hub import Hub
from voxruntime.session.queue import Event, Rank
from voxruntime.turn.messages import StartTimer, StopTimer

MIN_INTERVAL_S = 0.1
"""VoxEngine raises shorter intervals to 100 ms."""


class _Running:
    """A timer that runs."""

    __slots__ = ("_deadline", "_interval", "_timers", "clock_timer", "timer")

    clock_timer: Timer

    def __init__(self, timers: Timers, timer: int, deadline: float, interval: float | None) -> None:
        self.timer = timer
        self._timers = timers
        self._deadline = deadline
        self._interval = interval

    def fire(self) -> None:
        """Its time has come."""
        timers, timer, deadline = self._timers, self.timer, self._deadline
        if self._interval is None:
            del timers.running[timer]
        else:
            # The next deadline follows the last one, so a late firing does not shift the rest.
            self._deadline = max(deadline + self._interval, timers.clock.latest)
            self.clock_timer.again(self._deadline, self.fire)
        if timer not in timers.waiting:
            timers.waiting.add(timer)
            timers.hub.post(Event(Rank.TIMER, timer, "timer", deadline=deadline))


class Timers:
    """Running timers, by the scenario's timer id."""

    __slots__ = ("clock", "hub", "running", "waiting")

    def __init__(self, hub: Hub) -> None:
        self.clock = hub.clock
        self.hub = hub
        self.running: dict[int, _Running] = {}
        self.waiting: set[int] = set()

    def start(self, command: StartTimer) -> None:
        """Arms a timer.

        Raises:
            ProtocolBreach: More timers than the limit, which Lua itself enforces, or an id already in use.
        """
        if len(self.running) >= self.hub.limits.timers or command.timer in self.running:
            raise ProtocolBreach(
                "protocol.timer", f"Timer {command.timer} is over the limit or already runs."
            )
        delay = max(0.0, command.delay_ms / 1000)
        if command.repeats:
            delay = max(delay, MIN_INTERVAL_S)
        deadline = self.clock.now() + delay
        running = _Running(self, command.timer, deadline, delay if command.repeats else None)
        self.running[command.timer] = running
        running.clock_timer = self.clock.call_at(deadline, running.fire)

    def stop(self, command: StopTimer) -> None:
        """Disarms a timer; a firing that already waits is dropped by Lua, which knows the id is gone."""
        running = self.running.pop(command.timer, None)
        if running is not None:
            running.clock_timer.cancel()

    def stop_all(self) -> None:
        """Disarms every timer: the code that started them is over."""
        for running in self.running.values():
            running.clock_timer.cancel()
        self.running.clear()
        self.waiting.clear()

    def delivered(self, timer: int) -> None:
        """A firing was taken from the queue; an interval may queue its next one."""
        self.waiting.discard(timer)
