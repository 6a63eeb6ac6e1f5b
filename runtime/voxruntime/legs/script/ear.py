"""Hears whether the agent speaks, from the level of what it sends. Pure."""

from __future__ import annotations

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import PCM16

HYSTERESIS_DB = 6.0
"""How far below the threshold speech that has begun may fall without ending."""

ONSET_FRAMES = 2
"""Loud frames in a row that make speech; one alone is a click."""

HOLD_FRAMES = 10
"""Quiet frames within speech: the pauses between words."""

CARRIED_FRAMES = 25
"""Frames that speech which was under way at the far end's last sound must go on to count as an answer to it.

An agent that is interrupted needs a moment to stop; that rest of its old sentence is no answer.
"""


class AgentEar:
    """Follows one stream of frames. Order: `push` for each frame; ask between them.

    Args:
        threshold_dbfs: Frames above this level begin speech.
    """

    def __init__(self, threshold_dbfs: float) -> None:
        self._threshold_dbfs = threshold_dbfs
        self._loud_in_a_row = 0
        self._is_speaking = False
        self._quiet_frames = 0
        self._carried = 0
        self._is_old_speech = False
        self._has_spoken = False

    @property
    def has_spoken(self) -> bool:
        """Whether the agent has said something since the last `mark` or `forget`."""
        return self._has_spoken

    @property
    def quiet_frames(self) -> int:
        """Quiet frames since the agent's last speech, or since the beginning."""
        return self._quiet_frames

    def push(self, frame: PCM16 | None) -> None:
        """Hears the next 20 ms; None is silence."""
        threshold_dbfs = self._threshold_dbfs - (HYSTERESIS_DB if self._is_speaking else 0.0)
        if frame is not None and dbfs(frame) > threshold_dbfs:
            self._hear_sound()
        else:
            self._hear_silence()

    def mark(self) -> None:
        """The far end itself makes a sound: what the agent said before is no answer to it."""
        self._has_spoken = False
        self._is_old_speech = self._is_speaking
        self._carried = 0

    def forget(self) -> None:
        """What the agent has said has been dealt with."""
        self._has_spoken = False

    def _hear_silence(self) -> None:
        self._loud_in_a_row = 0
        self._quiet_frames += 1
        if self._quiet_frames >= HOLD_FRAMES:
            self._is_speaking = self._is_old_speech = False

    def _hear_sound(self) -> None:
        self._loud_in_a_row += 1
        if self._loud_in_a_row < ONSET_FRAMES and not self._is_speaking:
            return
        self._is_speaking = True
        self._quiet_frames = 0
        self._carried += 1
        self._has_spoken = self._has_spoken or not self._is_old_speech or self._carried >= CARRIED_FRAMES
