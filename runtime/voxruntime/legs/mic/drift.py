"""Two clocks that do not agree: a device's and the media graph's. Pure.

A device that is faster or slower than the graph fills or empties the ring between them, by some frames an hour; a
tick or a callback that comes late does the same for a moment. What is too much is left out and what is missing is put
in, where it can be in silence: 20 ms more or less of that are not heard.
"""

from __future__ import annotations

import numpy as np

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import PCM16
from voxruntime.legs.mic.ring import SampleRing

QUIET_DBFS = -45.0
"""Frames below this level are silence."""

WINDOW_TICKS = 50
"""Ticks after which it is known what no tick needed: 1 s."""

SLACK_FRAMES = 1
"""Frames that wait at every tick, for the tick or callback that comes late."""

MAX_SPARE_FRAMES = 25
"""Spare frames from a microphone that are left out at once, in speech too: a gap is better than 0.5 s of delay."""


def is_quiet(frame: PCM16 | None) -> bool:
    """Returns whether 20 ms can be left out unheard."""
    return frame is None or dbfs(frame) < QUIET_DBFS


class SpareFrames:
    """Counts the frames in a ring that nothing needs: the fewest that waited at any tick of the last second.

    Args:
        samples: Samples of a frame.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._ticks = 0
        self._least: int | None = None
        self.count = 0

    def forget(self) -> None:
        """Begins anew: what was seen so far does not hold any more."""
        self.count = 0
        self._restart()

    def observe(self, waiting: int) -> None:
        """Takes the samples that wait beside the frame of this tick."""
        self._ticks += 1
        self._least = waiting if self._least is None else min(self._least, waiting)
        if self._ticks == WINDOW_TICKS:
            self.count = max(0, self._least // self._samples - SLACK_FRAMES)
            self._restart()

    def leave_out(self, frames: int) -> None:
        """So many frames were left out: the rest stays to be left out, what was observed meanwhile is void."""
        if frames:
            self.count -= frames
            self._restart()

    def _restart(self) -> None:
        self._ticks, self._least = 0, None


class Intake:
    """From a microphone's ring to the graph, a frame a tick.

    Args:
        ring: Filled by the device.
        samples: Samples of a frame.
    """

    def __init__(self, ring: SampleRing, samples: int) -> None:
        self._ring = ring
        self._samples = samples
        self._spare = SpareFrames(samples)
        self._is_begun = False
        self._was_quiet = True
        self.inserted_frames = 0
        self.dropped_frames = 0

    def pull(self, *, is_unheard: bool) -> PCM16 | None:
        """Returns the next frame; None to put silence in.

        Args:
            is_unheard: Whether the frame will be thrown away.
        """
        if not self._is_begun:
            # What was said before the call is nobody's business.
            self._is_begun = True
            self._ring.skip_to(0)
        needed_frames = 1 + (SLACK_FRAMES if self._was_quiet or is_unheard else 0)
        if self._ring.waiting < needed_frames * self._samples:
            self.inserted_frames += 1
            self._spare.forget()
            return None
        frame = np.empty(self._samples, dtype=np.int16)
        self._ring.read_into(frame)
        self._was_quiet = is_quiet(frame)
        self._spare.observe(self._ring.waiting)
        self._leave_out(self._spare.count, can_move=is_unheard or self._was_quiet)
        return frame

    def _leave_out(self, spare_frames: int, *, can_move: bool) -> None:
        frames = spare_frames if spare_frames > MAX_SPARE_FRAMES else min(spare_frames, int(can_move))
        self._ring.skip_to(self._ring.waiting - frames * self._samples)
        self._spare.leave_out(frames)
        self.dropped_frames += frames


class Outlet:
    """From the graph to a loudspeaker's ring, a frame a tick.

    Args:
        ring: Emptied by the device.
        samples: Samples of a frame.
    """

    def __init__(self, ring: SampleRing, samples: int) -> None:
        self._ring = ring
        self._silence = np.zeros(samples, dtype=np.int16)
        self._spare = SpareFrames(samples)
        self._missing = ring.missing
        self.inserted_frames = 0
        self.dropped_frames = 0

    def push(self, frame: PCM16 | None) -> None:
        """Takes the next frame; None is silence."""
        can_move = is_quiet(frame)
        ran_dry, self._missing = self._ring.missing > self._missing, self._ring.missing
        if self._ring.waiting < SLACK_FRAMES * len(self._silence) and (can_move or ran_dry):
            self.inserted_frames += 1
            self._spare.forget()
            self._ring.write(self._silence)
        self._spare.observe(self._ring.waiting)
        if self._spare.count and can_move:
            self._spare.leave_out(1)
            self.dropped_frames += 1
        else:
            self._ring.write(self._silence if frame is None else frame)


class Stall:
    """Notices that a device stands still."""

    LIMIT_TICKS = 50
    """1 s."""

    def __init__(self) -> None:
        self._moved = 0
        self._ticks = 0

    def has_lasted(self, moved: int) -> bool:
        """Takes the samples that the device has moved in all; returns whether it has stood still for too long."""
        self._ticks = self._ticks + 1 if moved == self._moved else 0
        self._moved = moved
        return self._ticks >= self.LIMIT_TICKS
