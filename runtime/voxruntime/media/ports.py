"""Where audio comes from and goes to: what a media unit offers the graph."""

from __future__ import annotations

from typing import Protocol

from voxruntime.audio.pcm import PCM16


class Source(Protocol):
    """Gives one frame per tick."""

    @property
    def rate(self) -> int:
        """Hz of the frame that `pull` gave last, or will give first; one of RATES. It may change."""

    def pull(self) -> PCM16 | None:
        """Returns the next 20 ms, int16 of shape (rate // 50,), to be changed by no one; None is silence."""


class Sink(Protocol):
    """Takes one frame per tick."""

    @property
    def rate(self) -> int:
        """Hz of the frames that `push` takes; one of RATES. It may change."""

    def push(self, frame: PCM16 | None) -> None:
        """Takes the next 20 ms, int16 of shape (rate // 50,), and does not change it; None is silence."""
