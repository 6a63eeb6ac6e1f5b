"""Where audio comes from and goes to: what a media unit offers the graph."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from voxruntime.audio.pcm import PCM16


class Stage(IntEnum):
    """When within a tick a port is served.

    Between the two a provider near by can answer, so that its audio loses no tick.
    """

    IN = 0
    """Callers are heard, and what they say goes to the providers."""
    OUT = 1
    """What is to be heard goes to the callers."""


class Source(Protocol):
    """Gives one frame per tick."""

    @property
    def rate(self) -> int:
        """Hz of the frame that `pull` gave last, or will give first; one of RATES. It may change."""

    def pull(self) -> PCM16 | None:
        """Returns the next 20 ms; None is silence.

        Returns:
            int16 of shape (rate // 50,), contiguous, to be changed by no one: the next frame may be heard with its end.
        """


class Sink(Protocol):
    """Takes one frame per tick."""

    @property
    def rate(self) -> int:
        """Hz of the frames that `push` takes; one of RATES. It may change."""

    def push(self, frame: PCM16 | None) -> None:
        """Takes the next 20 ms, int16 of shape (rate // 50,), and does not change it; None is silence."""
