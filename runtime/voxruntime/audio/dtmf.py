"""Keypad tones in a stream of sound, as receivers hear them (ITU-T Q.23 the frequencies, Q.24 the times).

Every 8 ms the last 24 ms are correlated with the eight frequencies, each also 1.2 % lower and higher, so that one that
is 1.5 % off keeps most of its share. A window shows a digit when two tones, one of each group and of similar level,
hold most of the energy: speech and music have more in other places. Three windows in a row make a digit, so tones of
34 ms and more are heard (Q.24 asks for 40) and those under 25 ms are not (23); four without it end it, so a break of 10 ms
splits no digit and a pause of 40 ms parts two.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from voxruntime.audio.levels import rms_of_dbfs
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.resample import StreamResampler
from voxruntime.audio.tones import DTMF_COLUMNS_HZ, DTMF_KEYPAD, DTMF_ROWS_HZ

_RATE = 8000
_HOP = 64
_WINDOW = 192

_HITS_TO_BEGIN = 3
_MISSES_TO_END = 4

_DETUNED = (0.988, 1.0, 1.012)

_LEAST_SHARE = 0.7
"""Of a window's energy, in the two tones; a window that is three quarters full of them has as much."""

_LARGEST_TWIST = 10 ** (8 / 10)
"""Between the powers of the two tones, 8 dB either way, as Q.24 has it for the high group."""

_LEAST_DBFS = -42.0
"""RMS of a window; 25 dB below the level at which telephones send."""


class Pressed(msgspec.Struct, frozen=True):
    """A digit; `start_s` is where its tone began, in seconds from the first sample of the stream, to 8 ms."""

    digit: str
    start_s: float


class DtmfDetector:
    """Finds digits in one stream.

    Args:
        rate: Hz of the stream, one of RATES.
    """

    def __init__(self, rate: int) -> None:
        self._resampler = None if rate == _RATE else StreamResampler(rate, _RATE)
        self._heard: PCM16 = np.zeros(0, dtype=np.int16)
        self._windows = 0
        self._digit = ""
        self._hits = 0
        self._misses = 0

    def process(self, pcm: PCM16) -> list[Pressed]:
        """Returns the digits that are certain now; each comes about 40 ms after its tone began.

        Args:
            pcm: int16 of shape (samples,), any length.
        """
        if self._resampler:
            pcm = self._resampler.process(pcm)
        heard = np.concatenate((self._heard, pcm))
        if len(heard) < _WINDOW:
            self._heard = heard
            return []
        windows = sliding_window_view(heard, _WINDOW)[::_HOP].astype(np.float32)
        self._heard = heard[len(windows) * _HOP :]
        found = [self._step(digit) for digit in _digits(windows)]
        return [pressed for pressed in found if pressed]

    def _step(self, digit: str) -> Pressed | None:
        self._windows += 1
        if not digit or (digit != self._digit and self._hits >= _HITS_TO_BEGIN):
            self._misses += 1
            if self._misses >= _MISSES_TO_END or self._hits < _HITS_TO_BEGIN:
                self._digit, self._hits = "", 0
            return None
        self._hits = self._hits + 1 if digit == self._digit else 1
        self._digit, self._misses = digit, 0
        if self._hits != _HITS_TO_BEGIN:
            return None
        return Pressed(digit, max(0, self._windows - _HITS_TO_BEGIN) * _HOP / _RATE)


def _correlators() -> NDArray[np.float32]:
    """Returns the cosines, then the sines of all 24 frequencies, one in each column."""
    nominal_hz = np.array([*DTMF_ROWS_HZ, *DTMF_COLUMNS_HZ])
    hz = (nominal_hz[:, np.newaxis] * np.array(_DETUNED)).reshape(-1)
    phases = 2 * np.pi * np.arange(_WINDOW)[:, np.newaxis] * hz / _RATE
    return np.concatenate((np.cos(phases), np.sin(phases)), axis=1).astype(np.float32)


_CORRELATORS = _correlators()
_LEAST_ENERGY = _WINDOW * rms_of_dbfs(_LEAST_DBFS) ** 2


def _digits(windows: NDArray[np.float32]) -> list[str]:
    """Returns the digit that each window shows; empty where it shows none."""
    energies = np.einsum("ij,ij->i", windows, windows)
    if not (energies > _LEAST_ENERGY).any():
        return [""] * len(windows)
    cosines, sines = np.split(windows @ _CORRELATORS, 2, axis=1)
    # A tone that fills the window has all of the energy: (amplitude * samples / 2)² against amplitude² * samples / 2.
    powers = (cosines**2 + sines**2) * (2 / _WINDOW)
    groups = powers.reshape(len(windows), 2, 4, len(_DETUNED)).max(axis=3)
    keys = groups.argmax(axis=2)
    strongest = groups.max(axis=2)
    low, high = strongest[:, 0], strongest[:, 1]
    shown = (
        (energies > _LEAST_ENERGY)
        & (low + high > _LEAST_SHARE * energies)
        & (low < high * _LARGEST_TWIST)
        & (high < low * _LARGEST_TWIST)
    )
    return [
        DTMF_KEYPAD[row][column] if is_shown else ""
        for (row, column), is_shown in zip(keys, shown, strict=True)
    ]
