"""The input audio buffer: what the client appended and nobody committed yet, on one time line for the session."""

from __future__ import annotations

from collections import deque

import numpy as np

from voxruntime.audio.pcm import PCM16
from voxruntime.audio.resample import convert
from voxruntime.emulator.brain.rejected import Code, Rejected

MAX_BUFFER_MS = 600_000
"""Audio past which an uncommitted buffer takes no more: 10 minutes, 29 MB at 24 kHz."""


class InputAudio:
    """Keeps uncommitted audio. Positions are milliseconds from the first sample ever appended in the session.

    Args:
        rate: Hz of what is appended.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._chunks: deque[PCM16] = deque()
        self._samples = 0
        self._dropped_samples = 0
        self._rate_began_ms = 0.0

    @property
    def rate(self) -> int:
        """Hz of what is appended now."""
        return self._rate

    @property
    def position_ms(self) -> float:
        """Where the audio ends."""
        return self._rate_began_ms + (self._dropped_samples + self._samples) * 1000 / self._rate

    @property
    def duration_ms(self) -> float:
        """Milliseconds of audio in the buffer."""
        return self._samples * 1000 / self._rate

    def append(self, pcm: PCM16) -> None:
        """Adds audio at the end.

        Raises:
            Rejected: The buffer is full.
        """
        if self.duration_ms + len(pcm) * 1000 / self._rate > MAX_BUFFER_MS:
            message = f"The input audio buffer holds {MAX_BUFFER_MS // 1000} s at most: commit or clear it."
            raise Rejected(Code.BUFFER_FULL, message, "audio")
        self._chunks.append(pcm)
        self._samples += len(pcm)

    def change_rate(self, rate: int) -> None:
        """Takes audio at another rate from now on; what is in the buffer is converted."""
        if rate == self._rate:
            return
        kept = convert(self._joined(), self._rate, rate)
        position_ms = self.position_ms
        self._rate = rate
        self._chunks = deque([kept])
        self._samples = len(kept)
        self._dropped_samples = -len(kept)
        self._rate_began_ms = position_ms

    def keep_last(self, length_ms: float) -> None:
        """Forgets all but about the last `length_ms`; whole chunks only, so that it costs nothing."""
        needed = length_ms * self._rate / 1000
        while self._chunks and self._samples - len(self._chunks[0]) >= needed:
            self._drop(len(self._chunks.popleft()))

    def take(self, start_ms: float, end_ms: float) -> PCM16:
        """Returns the audio between two positions and forgets everything before the second."""
        pcm = self._joined()
        before = self._dropped_samples
        start = self._clamped(start_ms, before)
        end = max(start, self._clamped(end_ms, before))
        self._chunks = deque([pcm[end:]])
        self._drop(end)
        return pcm[start:end]

    def take_all(self) -> PCM16:
        """Returns all audio and leaves the buffer empty."""
        pcm = self._joined()
        self._chunks.clear()
        self._drop(len(pcm))
        return pcm

    def _clamped(self, position_ms: float, dropped_samples: int) -> int:
        sample = round((position_ms - self._rate_began_ms) * self._rate / 1000) - dropped_samples
        return min(max(sample, 0), self._samples)

    def _drop(self, samples: int) -> None:
        self._samples -= samples
        self._dropped_samples += samples

    def _joined(self) -> PCM16:
        return np.concatenate(self._chunks) if self._chunks else np.zeros(0, dtype=np.int16)
