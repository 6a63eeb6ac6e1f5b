"""What audio is inside voxrt: int16 mono arrays. Bytes exist at sockets and files; they are crossed here."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

PCM16 = NDArray[np.int16]
"""Mono samples of shape (samples,), or (streams, samples) where a function says so."""

FRAME_S = 0.02
"""Seconds of one frame."""

RATES = (8000, 16000, 24000, 44100, 48000)
"""Sampling rates in Hz that ports may declare. 20 ms of each is a whole number of samples."""


def frame_samples(rate: int) -> int:
    """Returns the samples of one 20 ms frame: 160, 320, 480, 882 or 960."""
    return rate // 50


@lru_cache
def silent_frame(rate: int) -> PCM16:
    """Returns 20 ms of silence, always the same array of a rate: nobody can write to it."""
    frame = np.zeros(frame_samples(rate), dtype=np.int16)
    frame.flags.writeable = False
    return frame


def encode(pcm: PCM16) -> bytes:
    """Returns the samples as little-endian bytes, two for each."""
    return pcm.astype("<i2", copy=False).tobytes()


def decode(octets: bytes) -> PCM16:
    """Returns the samples of little-endian bytes; an odd last byte is left out."""
    return np.frombuffer(octets, dtype="<i2", count=len(octets) // 2).astype(np.int16, copy=False)


class PcmDecoder:
    """Turns a stream of little-endian bytes, cut anywhere, into samples.

    A sample whose two bytes arrive in different chunks comes out whole with the second.
    """

    def __init__(self) -> None:
        self._half_sample = b""

    def process(self, octets: bytes) -> PCM16:
        """Returns the samples that these bytes complete; int16 of shape (samples,), possibly none."""
        joined = self._half_sample + octets
        whole_bytes = len(joined) & ~1
        self._half_sample = joined[whole_bytes:]
        return decode(joined)
