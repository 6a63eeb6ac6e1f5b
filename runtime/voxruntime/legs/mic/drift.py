"""Two clocks that do not agree: a device's and the media graph's. Pure.

A device that is faster or slower than the graph fills or empties the ring between them, by some frames an hour: its
sound is played that much slower or faster, which nobody hears. A tick or a callback that comes late does the same at
once: what is too much is left out and what is missing is put in, where it can be in silence, of which 20 ms more or less
are not heard either.
"""

from __future__ import annotations

import numpy as np

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import FRAME_S, PCM16
from voxruntime.audio.skew import SkewResampler
from voxruntime.legs.mic.ring import SampleRing

QUIET_DBFS = -45.0
"""Frames below this level are silence."""

WINDOW_TICKS = 50
"""Ticks after which it is known what no tick needed: 1 s."""

SLACK_FRAMES = 1
"""Frames that wait at every tick, for the tick or callback that comes late."""

MAX_SPARE_FRAMES = 25
"""Spare frames from a microphone that are left out at once, in speech too: a gap is better than 0.5 s of delay."""

SKEW_LIMIT = 500e-6
"""The most by which two clocks are taken to differ: far beyond any sound device."""

SLEW = 0.4e-6
"""The most by which the ratio changes in a tick. A tone that bends by 20 ppm a second stays clean to -70 dB."""

PULL_PER_S = 0.03
"""Part of a surplus that one second takes away, and its square over four, critically damped, what is remembered."""


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


class Skew:
    """How much faster than real time the ring must be read, told from what waits in it.

    A ring that keeps between SLACK_FRAMES and one more waiting is left alone, exactly.

    Args:
        samples: Samples of a frame.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._ticks = 0
        self._least: int | None = None
        self._remembered = 0.0
        self._wanted = 0.0
        self._skew = 0.0

    @property
    def ratio(self) -> float:
        """Samples to read for one sample to play."""
        return 1.0 + self._skew

    def observe(self, waiting: int) -> None:
        """Takes the samples that wait beside the frame of this tick."""
        self._ticks += 1
        self._least = waiting if self._least is None else min(self._least, waiting)
        if self._ticks == WINDOW_TICKS:
            self._aim(self._surplus_s(self._least))
            self._ticks, self._least = 0, None
        self._skew += min(max(self._wanted - self._skew, -SLEW), SLEW)

    def _surplus_s(self, least: int) -> float:
        frames = least / self._samples - SLACK_FRAMES
        return FRAME_S * (frames - min(max(frames, 0.0), 1.0))

    def _aim(self, surplus_s: float) -> None:
        window_s = WINDOW_TICKS * FRAME_S
        # A whole frame too much or too little is a late tick's, and not the clocks'.
        if abs(surplus_s) < FRAME_S:
            self._remembered += surplus_s * window_s * PULL_PER_S**2 / 4
        self._remembered = min(max(self._remembered, -SKEW_LIMIT), SKEW_LIMIT)
        wanted = surplus_s * PULL_PER_S + self._remembered
        self._wanted = min(max(wanted, -SKEW_LIMIT), SKEW_LIMIT)


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
        self._skew = Skew(samples)
        self._resampler = SkewResampler()
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
        ratio = self._skew.ratio
        taken = np.empty(self._resampler.needed(self._samples, ratio), dtype=np.int16)
        slack_frames = SLACK_FRAMES if self._was_quiet or is_unheard else 0
        if self._ring.waiting < len(taken) + slack_frames * self._samples:
            self.inserted_frames += 1
            self._spare.forget()
            return None
        self._ring.read_into(taken)
        frame = self._resampler.process(taken, ratio, self._samples)
        self._was_quiet = is_quiet(frame)
        self._spare.observe(self._ring.waiting)
        self._skew.observe(self._ring.waiting)
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
        self._skew = Skew(samples)
        self._resampler = SkewResampler()
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
        self._skew.observe(self._ring.waiting)
        if self._spare.count and can_move:
            self._spare.leave_out(1)
            self.dropped_frames += 1
        else:
            heard = self._silence if frame is None else frame
            self._ring.write(self._resampler.process(heard, self._skew.ratio))

    def silence(self) -> int:
        """Turns what the device has not taken yet into silence; returns how many samples that is."""
        return self._ring.silence() + self._resampler.silence()


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
