"""Deadlines of a session, by what they are for."""

from __future__ import annotations

from collections.abc import Callable

from voxruntime.clock import Clock, Timer


class Deadlines:
    """At most one deadline for each purpose.

    Args:
        clock: The engine's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timers: dict[str, Timer] = {}

    def set(self, purpose: str, delay: float, callback: Callable[[], None]) -> None:
        """Calls back in `delay` seconds, in place of what was set for this purpose before."""
        self.drop(purpose)
        self._timers[purpose] = self._clock.call_later(delay, callback)

    def drop(self, purpose: str) -> None:
        """Forgets a deadline, if there is one."""
        if purpose in self._timers:
            self._timers.pop(purpose).cancel()

    def drop_all(self) -> None:
        """Forgets every deadline."""
        for purpose in list(self._timers):
            self.drop(purpose)
