"""Playing a stream slightly faster or slower, so that two clocks which do not agree meet without a click.

Two devices' clocks differ by some hundred parts per million. The stream is read at places that lie a little more or
less than one sample apart, each interpolated by a windowed sinc (J. O. Smith, "Digital Audio Resampling", CCRMA).
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from voxruntime.audio.pcm import PCM16

_TAPS = 32
"""Samples around a place that its value is made of; half of them lie after it, which is the delay."""

_PHASES = 256
"""Places between two samples whose filter is kept; between those it is interpolated: -100 dB."""

_KAISER_BETA = 8.0

DELAY_SAMPLES = _TAPS // 2
"""From a sample in the input to the same sound in the output."""


class SkewResampler:
    """Converts one stream by a ratio near 1 that may change at every call.

    While the ratio has always been 1, the output is the input, DELAY_SAMPLES later.
    """

    def __init__(self) -> None:
        self._heard = np.zeros(_TAPS - 1, dtype=np.int16)
        self._place = 0.0

    def needed(self, samples: int, ratio: float) -> int:
        """Returns how many input samples `process` takes to give `samples` more at this ratio."""
        last = self._place + (samples - 1) * ratio
        return max(0, math.floor(last) + _TAPS - len(self._heard))

    def process(self, pcm: PCM16, ratio: float, most: int | None = None) -> PCM16:
        """Returns what can be given once these samples have come.

        Args:
            pcm: int16 of shape (samples,), any number.
            ratio: Input samples for one output sample, between 0.9 and 1.1.
            most: Give at most so many samples; the others follow at the next call.

        Returns:
            int16 of shape (about samples / ratio,).
        """
        heard = np.concatenate([self._heard, pcm])
        windows = len(heard) - _TAPS + 1
        count = max(0, math.ceil((windows - self._place) / ratio))
        if most is not None:
            count = min(count, most)
        if ratio == 1.0 and self._place == 0.0:
            converted = heard[DELAY_SAMPLES - 1 : DELAY_SAMPLES - 1 + count]
        else:
            converted = self._interpolate(heard, self._place + np.arange(count, dtype=np.float64) * ratio)
        following = self._place + count * ratio
        used = min(math.floor(following), len(heard))
        self._place = following - used
        self._heard = heard[used:]
        return converted

    def silence(self) -> int:
        """Turns what is held into silence, at no loss of time; returns how many samples of it were not given yet."""
        self._heard = np.zeros_like(self._heard)
        return DELAY_SAMPLES

    def _interpolate(self, heard: PCM16, places: NDArray[np.float64]) -> PCM16:
        starts = places.astype(np.int64)
        phases = (places - starts) * _PHASES
        below = phases.astype(np.int64)
        share = (phases - below).astype(np.float32)
        table = _table()
        windows = sliding_window_view(heard.astype(np.float32), _TAPS)[starts]
        low = np.einsum("ij,ij->i", windows, table[below])
        high = np.einsum("ij,ij->i", windows, table[below + 1])
        sounds: NDArray[np.float32] = np.rint(low + (high - low) * share)
        return sounds.clip(-32768, 32767).astype(np.int16)


@functools.cache
def _table() -> NDArray[np.float32]:
    """Returns the filter for each place between two samples, shape (_PHASES + 1, _TAPS)."""
    places = np.arange(_PHASES + 1)[:, np.newaxis] / _PHASES
    distance = np.arange(1 - DELAY_SAMPLES, DELAY_SAMPLES + 1)[np.newaxis, :] - places
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (distance / DELAY_SAMPLES) ** 2, 0, 1)))
    weights = np.sinc(distance) * window
    weights /= weights.sum(axis=1, keepdims=True)
    table: NDArray[np.float32] = weights.astype(np.float32)
    return table
