"""Generated audio: silence, sines and DTMF digits."""

from __future__ import annotations

import math

import numpy as np

from voxruntime.audio.levels import rms_of_dbfs
from voxruntime.audio.pcm import PCM16
from voxruntime.errors import InternalError

# ITU-T Q.23: rows and columns of the keypad, Hz.
DTMF_ROWS_HZ = (697.0, 770.0, 852.0, 941.0)
DTMF_COLUMNS_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
DTMF_KEYPAD = ("123A", "456B", "789C", "*0#D")
_DTMF_HZ = {
    key: (row_hz, column_hz)
    for row_hz, keys in zip(DTMF_ROWS_HZ, DTMF_KEYPAD, strict=True)
    for column_hz, key in zip(DTMF_COLUMNS_HZ, keys, strict=True)
}
DTMF_DIGITS = "".join(DTMF_KEYPAD)
"""The sixteen keys that `dtmf` plays."""


def silence(duration_s: float, rate: int) -> PCM16:
    """Returns zeros of the nearest whole number of samples."""
    return np.zeros(round(duration_s * rate), dtype=np.int16)


def sine(frequency_hz: float, duration_s: float, rate: int, *, level_dbfs: float = -12.0) -> PCM16:
    """Returns a sine that begins at phase zero.

    Args:
        frequency_hz: Below half the rate.
        duration_s: Seconds; rounded to whole samples.
        rate: Hz.
        level_dbfs: RMS level as `levels.dbfs` measures it; saturates above -3.01.
    """
    return _chord((frequency_hz,), duration_s, rate, level_dbfs)


def dtmf(
    digits: str, rate: int, *, tone_s: float = 0.1, gap_s: float = 0.05, level_dbfs: float = -13.0
) -> PCM16:
    """Returns the tones of keypad digits, each followed by its gap (ITU-T Q.23, Q.24).

    Args:
        digits: Any of DTMF_DIGITS.
        rate: Hz.
        tone_s: Seconds of each digit; receivers need 0.04.
        gap_s: Seconds of silence after each digit; receivers need 0.04.
        level_dbfs: RMS level of each of the two tones; saturates above -9.03.

    Raises:
        InternalError: A character is no key; callers check what users give them.
    """
    unknown = set(digits) - _DTMF_HZ.keys()
    if unknown:
        raise InternalError("internal.dtmf_digit", f"No DTMF digit: {''.join(sorted(unknown))!r}.")
    gap = silence(gap_s, rate)
    pieces = [piece for digit in digits for piece in (_chord(_DTMF_HZ[digit], tone_s, rate, level_dbfs), gap)]
    return np.concatenate([np.zeros(0, dtype=np.int16), *pieces])


def _chord(frequencies_hz: tuple[float, ...], duration_s: float, rate: int, level_dbfs: float) -> PCM16:
    seconds = np.arange(round(duration_s * rate)) / rate
    amplitude = rms_of_dbfs(level_dbfs) * math.sqrt(2)
    waves = sum((np.sin(2 * np.pi * hz * seconds) for hz in frequencies_hz), np.zeros(len(seconds)))
    return np.clip(np.rint(amplitude * waves), -32768, 32767).astype(np.int16)
