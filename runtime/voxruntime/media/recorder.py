"""Recording a call: the two directions of its leg, tick by tick, as blocks of samples."""

from __future__ import annotations

import numpy as np

from voxruntime.audio.mix import mix
from voxruntime.audio.pcm import PCM16, encode, frame_samples
from voxruntime.errors import FrameMismatch


class Recorder:
    """Turns each tick of a call into 20 ms of recording, of silence too, so that the file keeps time.

    `Graph.watch` the leg with `observe` as observer, and `drain` now and then, at least once in `limit_s`.

    Args:
        rate: Hz of the call's frames and of the recording.
        is_stereo: Left from the far end, right what the far end hears; otherwise one channel with both.
        limit_s: Seconds held between two drains; ticks beyond them are left out and counted, so that what is
            written stays a whole first part of the call.
    """

    def __init__(self, rate: int, *, is_stereo: bool, limit_s: float = 30.0) -> None:
        self.rate = rate
        self.is_stereo = is_stereo
        self._silence = np.zeros(frame_samples(rate), dtype=np.int16)
        self._limit_blocks = round(limit_s * 50)
        self._blocks: list[PCM16] = []
        self._recorded_blocks = 0
        self._dropped_blocks = 0

    @property
    def recorded_s(self) -> float:
        """Seconds recorded so far, drained or not."""
        return self._recorded_blocks / 50

    @property
    def dropped_s(self) -> float:
        """Seconds left out because no one drained."""
        return self._dropped_blocks / 50

    def observe(self, from_frame: PCM16 | None, to_frame: PCM16 | None) -> None:
        """Records one tick.

        Args:
            from_frame: int16 of shape (rate // 50,) from the far end; None is silence.
            to_frame: The same, what the far end hears.

        Raises:
            FrameMismatch: A frame is not 20 ms at the recorder's rate.
        """
        if len(self._blocks) >= self._limit_blocks:
            self._dropped_blocks += 1
            return
        left = self._silence if from_frame is None else from_frame
        right = self._silence if to_frame is None else to_frame
        if left.shape != self._silence.shape or right.shape != self._silence.shape:
            raise FrameMismatch(self._silence.shape, (left.shape, right.shape))
        self._blocks.append(
            np.column_stack((left, right)) if self.is_stereo else mix((left, right), (0.0, 0.0))
        )
        self._recorded_blocks += 1

    def drain(self) -> bytes:
        """Hands over what was recorded since the last call: little-endian int16, channels interleaved."""
        blocks, self._blocks = self._blocks, []
        return encode(np.concatenate(blocks)) if blocks else b""
