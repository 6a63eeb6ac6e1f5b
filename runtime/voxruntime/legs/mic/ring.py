"""Samples on their way between a device's callback and the media graph. Pure."""

from __future__ import annotations

import numpy as np

from voxruntime.audio.pcm import PCM16


class SampleRing:
    """A ring of samples with one writer and one reader, each in its own thread, and no lock.

    Either side moves its own count only, and only after its copy is done, so neither ever waits for the other or
    sees a sample half way. What does not fit is left out: the reader is not there, and has no use for old sound.

    Args:
        capacity: Samples it holds.
    """

    def __init__(self, capacity: int) -> None:
        self._samples = np.zeros(capacity, dtype=np.int16)
        self._written = 0
        self._read = 0
        self._missing = 0

    @property
    def waiting(self) -> int:
        """Samples that can be read now."""
        return self._written - self._read

    @property
    def missing(self) -> int:
        """Samples that were read in vain since the beginning."""
        return self._missing

    def write(self, samples: PCM16) -> None:
        """Appends as many of the samples as fit; any stride, not kept."""
        count = min(len(samples), len(self._samples) - self.waiting)
        start = self._written % len(self._samples)
        first = min(count, len(self._samples) - start)
        self._samples[start : start + first] = samples[:first]
        self._samples[: count - first] = samples[first:count]
        self._written += count

    def read_into(self, samples: PCM16) -> int:
        """Fills `samples` as far as sound is waiting; returns how many were filled."""
        count = min(len(samples), self.waiting)
        start = self._read % len(self._samples)
        first = min(count, len(self._samples) - start)
        samples[:first] = self._samples[start : start + first]
        samples[first:count] = self._samples[: count - first]
        self._read += count
        self._missing += len(samples) - count
        return count

    def silence(self) -> int:
        """The writer turns what waits into silence, at no loss of time; returns how many samples that is."""
        count = self.waiting
        start = (self._written - count) % len(self._samples)
        first = min(count, len(self._samples) - start)
        self._samples[start : start + first] = 0
        self._samples[: count - first] = 0
        return count

    def skip_to(self, waiting: int) -> None:
        """The reader leaves out the oldest samples until at most `waiting` are left."""
        self._read = max(self._read, self._written - waiting)
