"""Adding streams up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from voxruntime.audio.pcm import PCM16
from voxruntime.errors import FrameMismatch


def mix(frames: Sequence[PCM16], gains_db: Sequence[float]) -> PCM16:
    """Sums the frames of one tick, saturating at full scale.

    Args:
        frames: int16 arrays of shape (samples,), one rate, at least one frame.
        gains_db: Gain of each frame in dB; 0.0 leaves it unchanged.

    Returns:
        int16 array of shape (samples,).

    Raises:
        FrameMismatch: Frames differ in shape, or there is not one gain per frame.
    """
    if len(frames) != len(gains_db) or len({frame.shape for frame in frames}) != 1:
        raise FrameMismatch(
            f"one shape and {len(frames)} gains",
            f"{[frame.shape for frame in frames]} and {len(gains_db)} gains",
        )
    # float32 keeps headroom; an int16 sum wraps from +32767 to -32768, heard as a click.
    total = np.zeros(frames[0].shape, dtype=np.float32)
    for frame, gain_db in zip(frames, gains_db, strict=True):
        total += frame * np.float32(10 ** (gain_db / 20))
    return np.clip(np.rint(total), -32768, 32767).astype(np.int16)
