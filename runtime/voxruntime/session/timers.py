"""`setTimeout` and `setInterval` of one session, kept by the engine's clock."""

from __future__ import annotations

from functools import partial

from voxruntime.clock import Timer
from voxruntime.errors import ProtocolBreach
from voxruntime.session.hub import Hub
from voxruntime.session.queue import Event, Rank
from voxruntime.turn.messages import StartTimer, StopTimer

MIN_INTERVAL_S = 0.1
"""VoxEngine raises shorter intervals to 100 ms."""


class Timers:
    """Running timers, by the scenario's timer id."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._running: dict[int, Timer] = {}
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
        self._arm(command.timer, self._hub.clock.now() + delay, delay if command.repeats else None)

    def stop(self, command: StopTimer) -> None:
        """Disarms a timer; a firing that already waits is dropped by Lua, which knows the id is gone."""
        handle = self._running.pop(command.timer, None)
        if handle is not None:
            handle.cancel()

    def stop_all(self) -> None:
        """Disarms every timer: the code that started them is over."""
        for handle in self._running.values():
            handle.cancel()
        self._running.clear()
        self._waiting.clear()

    def delivered(self, timer: int) -> None:
        """A firing was taken from the queue; an interval may queue its next one."""
        self._waiting.discard(timer)

    def _arm(self, timer: int, deadline: float, interval: float | None) -> None:
        self._running[timer] = self._hub.clock.call_at(
            deadline, partial(self._fire, timer, deadline, interval)
        )

    def _fire(self, timer: int, deadline: float, interval: float | None) -> None:
        if interval is None:
            del self._running[timer]
        else:
            # The next deadline follows the last one, so a late firing does not shift the rest.
            self._arm(timer, max(deadline + interval, self._hub.clock.now()), interval)
        if timer not in self._waiting:
            self._waiting.add(timer)
            self._hub.post(Event(Rank.TIMER, timer, "timer", deadline=deadline))
