"""Text as audible tones: words that one machine says and another understands, through any telephone line.

Each word is a burst of pure tones, one after another, and a short pause follows it, so that speech in tones
has the rhythm of speech. The alphabet is 18 tones, 125 Hz apart, of 8 ms each, which is the spacing at which
the correlation with a wrong tone is zero. A burst is: the opening tone, two tones for each byte of the word's
UTF-8 and of its CRC-16 (the high half first), the closing tone. All lie between 500 and 2,625 Hz, in the flat
part of an 8 kHz channel.

Decoding measures every tone every 2 ms, looks for opening tones, and reads on from each at steps of 8 ms.
What keeps other sounds out: most of the energy of every single step must lie in one tone, the closing tone
must come on a byte's border, and the checksum must hold. A word that was damaged or cut off is left out; the
words around it are understood.
"""

from __future__ import annotations

import binascii

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from voxruntime.audio.levels import rms_of_dbfs
from voxruntime.audio.pcm import PCM16

STEP_S = 0.008
"""Seconds of one tone: 62 bytes a second within a word."""

GAP_S = 0.04
"""Seconds of silence after each word but the last."""

LEVEL_DBFS = -15.0
"""RMS level of a word: that of speech close to the microphone."""

_TONES_HZ = 500.0 + 125.0 * np.arange(18)
_OPENING = 16
_CLOSING = 17
_CHECKSUM_BYTES = 2

_LOOKS_PER_STEP = 4
"""How often the decoder looks within one step: it misses the middle of a step by 1 ms at most."""

_LEAST_PURITY = 0.5
"""Share of the energy that must lie in one tone. 1 ms off the middle leaves 0.77; speech and music reach it
for single steps, two equal tones never."""

_LOOKS_AT_ONCE = 2048
"""Windows measured in one matrix product: 4 s of audio, 3 MB at 48 kHz."""


def encode(text: str, rate: int) -> PCM16:
    """Returns text as tones.

    Args:
        text: Any text; white space only separates words.
        rate: Hz, at least 8000.

    Returns:
        int16 of shape (samples,), empty when there are no words.
    """
    gap = np.zeros(round(GAP_S * rate), dtype=np.int16)
    pieces = [piece for word in text.split() for piece in (_burst(word, rate), gap)]
    return np.concatenate([np.zeros(0, dtype=np.int16), *pieces[:-1]])


def decode(pcm: PCM16, rate: int) -> str | None:
    """Returns the words in a stretch of audio, joined by single blanks; None when there are none.

    Args:
        pcm: int16 of shape (samples,), with anything around the words.
        rate: Hz, at least 8000; not necessarily the one they were encoded at.
    """
    tones = _loudest_tones(pcm, rate)
    words: list[str] = []
    looked_to = 0
    for start in np.flatnonzero(tones == _OPENING).tolist():
        if start < looked_to:
            continue
        steps = tones[start::_LOOKS_PER_STEP]
        ends = np.flatnonzero((steps < 0) | (steps == _CLOSING))
        length = int(ends[0]) if len(ends) else len(steps)
        word = _word(steps[1:length]) if length < len(steps) and steps[length] == _CLOSING else None
        if word is not None:
            words.append(word)
            looked_to = start + length * _LOOKS_PER_STEP
    return " ".join(words) or None


def _burst(word: str, rate: int) -> PCM16:
    octets = word.encode("utf-8", errors="replace")
    octets += _checksum(octets)
    halves = [half for octet in octets for half in divmod(octet, 16)]
    hz = _TONES_HZ[[_OPENING, *halves, _CLOSING]]
    samples = round(len(hz) * STEP_S * rate)
    steps = np.minimum((np.arange(samples) / (STEP_S * rate)).astype(np.intp), len(hz) - 1)
    # One phase that runs on: a jump between tones would click over the whole band.
    phase = 2 * np.pi * np.cumsum(hz[steps]) / rate
    amplitude = rms_of_dbfs(LEVEL_DBFS) * np.sqrt(2)
    burst: PCM16 = np.rint(amplitude * _edges(samples, rate) * np.sin(phase)).astype(np.int16)
    return burst


def _edges(samples: int, rate: int) -> NDArray[np.float64]:
    """Returns a gain that rises at the start of a burst and falls at its end, over an eighth of a step."""
    from_edge = np.minimum(np.arange(samples), np.arange(samples)[::-1])
    gain: NDArray[np.float64] = np.sin(np.pi / 2 * np.minimum(from_edge / (STEP_S * rate / 8), 1))
    return gain


def _loudest_tones(pcm: PCM16, rate: int) -> NDArray[np.int16]:
    """Returns the number of the pure tone at each look; -1 where there is none."""
    window = round(STEP_S * rate)
    # The last tone may lack a sample of its window, to rounding or to a cut.
    heard = np.concatenate([pcm, np.zeros(window, dtype=np.int16)])
    look = STEP_S * rate / _LOOKS_PER_STEP
    tones = np.full(int(len(pcm) / look) + 1, -1, dtype=np.int16)
    angles = 2 * np.pi * np.outer(np.arange(window) / rate, _TONES_HZ)
    waves = np.hstack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    for begin in range(0, len(tones), _LOOKS_AT_ONCE):
        numbers = np.arange(begin, min(begin + _LOOKS_AT_ONCE, len(tones)))
        windows = sliding_window_view(heard, window)[(numbers * look).astype(np.intp)].astype(np.float32)
        parts = windows @ waves
        energy = parts[:, : len(_TONES_HZ)] ** 2 + parts[:, len(_TONES_HZ) :] ** 2
        loudest = energy.argmax(axis=1)
        # A sine of n samples and energy e correlates to e * n / 2.
        whole = np.einsum("ij,ij->i", windows, windows) * (window / 2)
        is_pure = (energy.max(axis=1) > _LEAST_PURITY * whole) & (whole > 0)
        tones[numbers[is_pure]] = loudest[is_pure]
    return tones


def _word(halves: NDArray[np.int16]) -> str | None:
    """Returns the word of the tones between opening and closing; None unless the checksum holds."""
    if len(halves) % 2 or len(halves) <= 2 * _CHECKSUM_BYTES or (halves == _OPENING).any():
        return None
    octets = bytes((halves[0::2] * 16 + halves[1::2]).astype(np.uint8))
    word, checksum = octets[:-_CHECKSUM_BYTES], octets[-_CHECKSUM_BYTES:]
    return word.decode("utf-8", errors="replace") if checksum == _checksum(word) else None


def _checksum(octets: bytes) -> bytes:
    # CRC-16/CCITT (ITU-T V.41), begun at a value other than zero so that zeros do not check themselves.
    return binascii.crc_hqx(octets, 0x1D0F).to_bytes(_CHECKSUM_BYTES, "big")
