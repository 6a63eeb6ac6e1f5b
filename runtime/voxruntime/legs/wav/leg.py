"""`wav:FILE`: a far end that plays a file, then listens in silence, then hangs up."""

from __future__ import annotations

from voxruntime.audio.pcm import PCM16
from voxruntime.call.state import Direction
from voxruntime.legs.audio_leg import AudioLeg, Manner, Over, Playback, Said
from voxruntime.legs.context import LegContext
from voxruntime.legs.keypad import Keypad

ANSWER_AFTER_S = 1.0
"""Seconds a called file rings: long enough for a scenario to see that it does."""


class PlaysFile:
    """A program that plays one sound and hears nothing.

    Args:
        pcm: int16 of shape (samples,).
        rate: Hz.
    """

    def __init__(self, pcm: PCM16, rate: int) -> None:
        self._playback = Playback(pcm, rate)

    def pull(self, keypad: Keypad) -> Said:  # noqa: ARG002  # it presses nothing by itself
        """Returns the next frame of the file."""
        frame = self._playback.next_frame()
        return Over() if frame is None else frame

    def push(self, frame: PCM16 | None) -> None:
        """Does not listen."""


async def open_wav(argument: str, direction: Direction, context: LegContext) -> AudioLeg:
    """Opens a leg that plays a file, at the file's rate or the next above it that ports know.

    Args:
        argument: Path of a PCM WAV file of any rate and channel count.
        direction: Whether it calls or is called.
        context: The run.

    Raises:
        ConfigError: The file cannot be used.
    """
    audio = await context.files.load_audio(context.base_dir / argument)
    manner = Manner(direction, ANSWER_AFTER_S, context.hangup_after_s)
    return AudioLeg(context.clock, audio.rate, PlaysFile(audio.pcm, audio.rate), manner)
