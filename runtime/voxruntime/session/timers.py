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

    __slots__ = ("_clock_timer", "_timers", "deadline", "interval", "timer")

    def __init__(self, timers: Timers, timer: int, interval: float | None) -> None:
        self.timer = timer
        self.interval = interval
        self.deadline = 0.0
        self._timers = timers
        self._clock_timer: Timer | None = None

    def arm(self, deadline: float) -> None:
        """Lets it fire at `deadline`, for the first time or once more."""
        self.deadline = deadline
        if self._clock_timer is None:
            self._clock_timer = self._timers.clock.call_at(deadline, self._fire)
        else:
            self._clock_timer.again(deadline, self._fire)

    def cancel(self) -> None:
        """Lets it fire no more."""
        assert self._clock_timer is not None
        self._clock_timer.cancel()

    def _fire(self) -> None:
        self._timers.on_fired(self)


class Timers:
    """Running timers, by the scenario's timer id."""

    def __init__(self, hub: Hub) -> None:
        self.clock = hub.clock
        self._hub = hub
        self._running: dict[int, _Running] = {}
        self._waiting: set[int] = set()

    def start(self, command: StartTimer) -> None:
        """Arms a timer.

        Raises:
            ProtocolBreach: More timers than the limit, which Lua itself enforces, or an id already in use.
        """
        if len(self._running) >= self._hub.limits.timers or command.timer in self._running:
            raise ProtocolBreach(
                "protocol.timer", f"Timer {command.timer} is over the limit or already runs."
            )
        delay = max(0.0, command.delay_ms / 1000)
        if command.repeats:
            delay = max(delay, MIN_INTERVAL_S)
        running = _Running(self, command.timer, delay if command.repeats else None)
        self._running[command.timer] = running
        running.arm(self.clock.now() + delay)

    def stop(self, command: StopTimer) -> None:
        """Disarms a timer; a firing that already waits is dropped by Lua, which knows the id is gone."""
        running = self._running.pop(command.timer, None)
        if running is not None:
            running.cancel()

    def stop_all(self) -> None:
        """Disarms every timer: the code that started them is over."""
        for running in self._running.values():
            running.cancel()
        self._running.clear()
        self._waiting.clear()

    def delivered(self, timer: int) -> None:
        """A firing was taken from the queue; an interval may queue its next one."""
        self._waiting.discard(timer)

    def on_fired(self, running: _Running) -> None:
        """A timer's time has come."""
        timer, deadline = running.timer, running.deadline
        if running.interval is None:
            del self._running[timer]
        else:
            # The next deadline follows the last one, so a late firing does not shift the rest.
            running.arm(max(deadline + running.interval, self.clock.now()))
        if timer not in self._waiting:
            self._waiting.add(timer)
            self._hub.post(Event(Rank.TIMER, timer, "timer", deadline=deadline))
