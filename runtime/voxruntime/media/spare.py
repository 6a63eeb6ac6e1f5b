"""Finds delay that a live stream has picked up and no longer needs.

A stream that comes in real time and was late once stays late: what made up for the gap waits ahead of everything that
follows, for good. Such audio is spare when it was there all the time for a while. A provider that speaks faster than it
can be heard is no live stream: all that waits of it is to be heard.
"""

from __future__ import annotations

WINDOW_FRAMES = 100
"""Frames over which a stream is watched: 2 s."""

QUIET_PEAK = 64
"""A frame whose samples stay within this, -54 dBFS, is dropped without being missed."""


class SpareAudio:
    """Watches one queue. Order of calls: `fed` at any time, `pulled` after each frame, `dropped` for what was left out.

    Amounts are in any unit, the same in all calls.

    Args:
        frame: One frame of 20 ms.
    """

    def __init__(self, frame: int) -> None:
        self._frame = frame
        self._frames = 0
        self._fed = 0
        self._least: int | None = None
        self.amount = 0
        """What is spare: whole frames."""

    def fed(self, amount: int) -> None:
        """More audio came."""
        self._fed += amount

    def pulled(self, waiting: int) -> None:
        """A frame was taken, and this much still waits."""
        self._least = waiting if self._least is None or waiting < self._least else self._least
        self._frames += 1
        if self._frames == WINDOW_FRAMES:
            is_live = abs(self._fed - WINDOW_FRAMES * self._frame) <= self._frame
            self.amount = self._least // self._frame * self._frame if is_live else 0
            self._frames = self._fed = 0
            self._least = None

    def dropped(self, amount: int) -> None:
        """So much of what was spare is gone."""
        self.amount = max(0, self.amount - amount)
