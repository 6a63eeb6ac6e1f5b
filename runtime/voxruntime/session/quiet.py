"""Who waits for the agent of one realtime client to be quiet. Pure."""

from __future__ import annotations

from typing import NamedTuple

from voxruntime.audio.pcm import FRAME_S

_TICK_MS = FRAME_S * 1000


class Settled(NamedTuple):
    """A promise that can be settled, and whether the agent is quiet; if not, it never will be."""

    promise: int
    is_quiet: bool


class QuietWatch:
    """Order of calls: `tick` after every tick, `watch` at any time, `end` once."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int]] = []
        self._quiet_ms = 0.0
        self._has_ended = False

    @property
    def waiting(self) -> int:
        """Promises that wait."""
        return len(self._waiting)

    def watch(self, promise: int, quiet_ms: float) -> None:
        """A promise waits until the agent has been quiet for `quiet_ms` at a tick, silence before now included."""
        self._waiting.append((quiet_ms, promise))

    def tick(self, *, is_quiet: bool) -> list[Settled]:
        """20 ms have passed; returns the promises to settle."""
        self._quiet_ms = self._quiet_ms + _TICK_MS if is_quiet else 0.0
        if not self._waiting:
            return []
        due = [
            Settled(promise, not self._has_ended)
            for quiet_ms, promise in self._waiting
            if self._has_ended or (is_quiet and self._quiet_ms >= quiet_ms)
        ]
        settled = {promise for promise, _ in due}
        self._waiting = [entry for entry in self._waiting if entry[1] not in settled]
        return due

    def end(self) -> None:
        """The connection has ended: what waits, now or later, is settled at the next tick."""
        self._has_ended = True
