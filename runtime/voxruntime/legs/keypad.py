"""Digits that the far end presses: tones in its audio, and an event for each."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.audio.tones import dtmf
from voxruntime.errors import ConfigError

DIGITS = re.compile(r"[0-9*#]+")
"""What can be pressed."""

TONE_S = 0.1
GAP_S = 0.06
"""Tone and gap of one digit: whole frames together, and more than the 40 ms each that ITU-T Q.24 asks for."""


class Keypad:
    """Turns pressed digits into frames, one after the other.

    Args:
        rate: Hz of the frames.
        on_digit: Told each digit as its tone begins.
    """

    def __init__(self, rate: int, on_digit: Callable[[str], None]) -> None:
        self._rate = rate
        self._on_digit = on_digit
        self._waiting: deque[str] = deque()
        self._frames: deque[PCM16] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether everything that was pressed has been played."""
        return not self._waiting and not self._frames

    def press(self, digits: str) -> None:
        """Presses digits, after those that are still being played.

        Args:
            digits: `0` to `9`, `*` and `#`.

        Raises:
            ConfigError: Another character, or none at all.
        """
        check_digits(digits)
        self._waiting.extend(digits)

    def pull(self) -> PCM16 | None:
        """Returns the next frame of tone or gap; None when nothing is pressed."""
        if not self._frames and self._waiting:
            digit = self._waiting.popleft()
            tone = dtmf(digit, self._rate, tone_s=TONE_S, gap_s=GAP_S)
            self._frames.extend(tone.reshape(-1, frame_samples(self._rate)))
            self._on_digit(digit)
        return self._frames.popleft() if self._frames else None


def check_digits(digits: str) -> None:
    """Checks what is to be pressed.

    Raises:
        ConfigError: It is not one or more of `0` to `9`, `*` and `#`.
    """
    if not DIGITS.fullmatch(digits):
        raise ConfigError("leg.digits", f"{digits!r} cannot be pressed: expected digits 0-9, * and #.")
