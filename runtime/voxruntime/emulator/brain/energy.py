"""Speech or not by loudness: the voice detector that is always there.

The level of a window is compared with the noise of the line, which is learned: it falls at once to quieter windows
and rises slowly, so that pauses between words keep it low and a hum that goes on stops being speech in a while.
"""

from __future__ import annotations

import numpy as np

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import PCM16

WINDOW_MS = 20

_LOWEST_NOISE_DBFS = -60.0
"""Quieter lines count as this: on a silent one, a breath must not be speech."""

_HIGHEST_NOISE_DBFS = -42.0
"""Noise is never taken for louder, or quiet talkers would not be heard."""

_RISE_DB_PER_WINDOW = 0.03
"""1.5 dB a second: a sentence without pauses raises the noise by less than a talker's range."""

_LEAST_DB = 3.0
"""Distance from the noise at which the probability leaves 0.0."""

_RANGE_DB = 24.0
"""Distance from there to a probability of 1.0; the threshold of 0.5 asks for 15 dB above the noise."""


class EnergyDetector:
    """Gives each window of a stream the probability that it is speech."""

    def __init__(self) -> None:
        self._noise_dbfs = _LOWEST_NOISE_DBFS
        self._rest: PCM16 = np.zeros(0, dtype=np.int16)

    def process(self, pcm: PCM16, rate: int) -> list[float]:
        """Returns a probability, 0.0 to 1.0, for each window that `pcm` completes.

        Args:
            pcm: int16 of shape (samples,), any length.
            rate: Hz; a new rate drops an unfinished window.
        """
        window = rate * WINDOW_MS // 1000
        if len(self._rest) >= window:
            self._rest = self._rest[:0]
        waiting = np.concatenate((self._rest, pcm))
        whole = len(waiting) // window * window
        self._rest = waiting[whole:]
        return [self._probability(dbfs(part)) for part in waiting[:whole].reshape(-1, window)]

    def _probability(self, level_dbfs: float) -> float:
        risen = min(self._noise_dbfs + _RISE_DB_PER_WINDOW, _HIGHEST_NOISE_DBFS)
        self._noise_dbfs = max(min(risen, level_dbfs), _LOWEST_NOISE_DBFS)
        return min(max((level_dbfs - self._noise_dbfs - _LEAST_DB) / _RANGE_DB, 0.0), 1.0)
