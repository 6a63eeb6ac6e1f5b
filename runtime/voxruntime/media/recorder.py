"""Recording a call: the two directions of its leg, tick by tick, as blocks of samples."""

from __future__ import annotations

import numpy as np

from voxruntime.audio.mix import mix
from voxruntime.audio.pcm import PCM16, encode, frame_samples
from voxruntime.errors import FrameMismatch

_ROOM_FRAMES = 25
"""Frames that memory is taken for at once."""


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
        self._samples = frame_samples(rate)
        self._limit_frames = round(limit_s * 50)
        self._room = self._new_room()
        self._full: list[PCM16] = []
        self._held_frames = 0
        self._recorded_frames = 0
        self._dropped_frames = 0

    @property
    def recorded_s(self) -> float:
        """Seconds recorded so far, drained or not."""
        return self._recorded_frames / 50

    @property
    def dropped_s(self) -> float:
        """Seconds left out because no one drained."""
        return self._dropped_frames / 50

    def observe(self, from_frame: PCM16 | None, to_frame: PCM16 | None) -> None:
        """Records one tick.

        Args:
            from_frame: int16 of shape (rate // 50,) from the far end; None is silence.
            to_frame: The same, what the far end hears.

        Raises:
            FrameMismatch: A frame is not 20 ms at the recorder's rate.
        """
        for frame in (from_frame, to_frame):
            if frame is not None and frame.shape != (self._samples,):
                raise FrameMismatch((self._samples,), frame.shape)
        if self._held_frames >= self._limit_frames:
            self._dropped_frames += 1
            return
        begin = self._held_frames % _ROOM_FRAMES * self._samples
        pair = self._room[begin : begin + self._samples]
        pair[:, 0] = 0 if from_frame is None else from_frame
        pair[:, 1] = 0 if to_frame is None else to_frame
        self._held_frames += 1
        self._recorded_frames += 1
        if begin + self._samples == len(self._room):
            self._full.append(self._room)
            self._room = self._new_room()

    def drain(self) -> bytes:
        """Hands over what was recorded since the last call: little-endian int16, channels interleaved."""
        begun = self._room[: self._held_frames % _ROOM_FRAMES * self._samples]
        pairs = np.concatenate([*self._full, begun])
        self._full, self._held_frames = [], 0
        return encode(pairs if self.is_stereo else mix((pairs[:, 0], pairs[:, 1]), (0.0, 0.0)))

    def _new_room(self) -> PCM16:
        return np.empty((_ROOM_FRAMES * self._samples, 2), dtype=np.int16)
