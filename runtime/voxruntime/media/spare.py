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

_UNKNOWN = 1 << 62


class SpareAudio:
    """Watches one queue, while windows of WINDOW_FRAMES frames are taken from it.

    Order of calls: `judge` once `due` is reached, `dropped` and `left_out` at any time; whoever puts audio into the queue
    keeps `least` right. Amounts are in any unit, the same everywhere.

    Args:
        frame: One frame of 20 ms.
    """

    __slots__ = ("_at_first", "_frame", "amount", "due", "least")

    def __init__(self, frame: int) -> None:
        self._frame = frame
        self._at_first = 0
        self.least = _UNKNOWN
        """The least that has waited within this window; a queue is at its shortest just before more is put in."""
        self.due = WINDOW_FRAMES * frame
        """The sum of what has left the queue when the window is over."""
        self.amount = 0
        """What is spare: whole frames."""

    def judge(self, waiting: int) -> None:
        """The window is over, and this much still waits."""
        least = min(self.least, waiting)
        # As much came as was played.
        is_live = abs(waiting - self._at_first) <= self._frame
        self.amount = least // self._frame * self._frame if is_live else 0
        self.least = _UNKNOWN
        self._at_first = waiting
        self.due += WINDOW_FRAMES * self._frame

    def dropped(self, amount: int) -> None:
        """So much has left the queue without being played."""
        self._at_first -= amount
        self.due += amount

    def left_out(self, amount: int) -> None:
        """So much of what was spare is gone, and was `dropped`."""
        self.amount = max(0, self.amount - amount)
