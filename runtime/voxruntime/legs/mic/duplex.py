"""Keeps a loudspeaker from interrupting the agent: the microphone is shut while the agent is heard. Pure."""

from __future__ import annotations

import math

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import FRAME_S, PCM16

AUDIBLE_DBFS = -50.0
"""Frames above this level are the agent's voice: above the noise of a telephone line, which must not shut a
microphone for ever, and so low that 5 dB of gain between loudspeaker and microphone do not make it speech."""

HOLD_S = 0.25
"""Seconds the microphone stays shut after the agent: a room goes on sounding."""


class HalfDuplex:
    """Decides frame by frame whether the microphone is shut.

    Order in each tick: `is_shut`, then `hear` with what the loudspeaker gets.

    Args:
        latency_s: Seconds that sound takes through the devices, out and in again.
    """

    def __init__(self, latency_s: float) -> None:
        self._hold_frames = math.ceil((HOLD_S + latency_s) / FRAME_S)
        self._frames_left = 0

    @property
    def is_shut(self) -> bool:
        """Whether what the microphone takes now may be the agent's own voice."""
        return self._frames_left > 0

    def hear(self, frame: PCM16 | None, queued_frames: int) -> None:
        """Takes 20 ms that the loudspeaker gets, behind `queued_frames` frames that wait before and after it."""
        if frame is not None and dbfs(frame) > AUDIBLE_DBFS:
            self._frames_left = self._hold_frames + queued_frames
        elif self._frames_left:
            self._frames_left -= 1
