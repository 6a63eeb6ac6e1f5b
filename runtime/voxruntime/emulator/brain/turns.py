"""Where turns begin and end: server VAD over the speech probability of each window.

A turn begins when speech has lasted for ONSET_MS and ends when it has been absent for `silence_duration_ms`. Between
the threshold and a lower one, what is going on goes on: a single limit would break words at their quiet ends.
"""

from __future__ import annotations

import math

import msgspec

from voxruntime.emulator.brain.session_config import TurnDetection

ONSET_MS = 60
"""Speech shorter than this is a click. With windows of 32 ms, an onset is seen 64 ms after it."""

_RELEASE = 0.7
"""Speech ends below this part of the threshold."""

LONGEST_TURN_MS = 120_000
"""A turn that goes on is ended here: memory is bounded, and nobody is that long-winded."""


class SpeechBegan(msgspec.Struct, frozen=True):
    """`start_ms` is where the speech itself begins, in the audio appended since the session's start."""

    start_ms: float


class SpeechEnded(msgspec.Struct, frozen=True):
    """`end_ms` is where the silence that ended the turn has lasted long enough."""

    end_ms: float


class TurnDetector:
    """Finds turns in one stream of windows.

    Args:
        window_ms: Milliseconds of one window.
        begins_ms: Where the first window begins, in the audio appended since the session's start.
    """

    def __init__(self, window_ms: float, *, begins_ms: float = 0.0) -> None:
        self._window_ms = window_ms
        self._begins_ms = begins_ms
        self._windows = 0
        self._speech_windows = 0
        self._quiet_windows = 0
        self._turn_windows = 0
        self._is_speaking = False

    def process(self, probability: float, rules: TurnDetection) -> SpeechBegan | SpeechEnded | None:
        """Takes the next window and returns what it decides, mostly nothing.

        Args:
            probability: 0.0 to 1.0 that the window is speech.
            rules: What holds now.
        """
        self._windows += 1
        if self._is_speaking:
            return self._speaking(probability, rules)
        self._speech_windows = self._speech_windows + 1 if probability >= rules.threshold else 0
        if self._speech_windows < math.ceil(ONSET_MS / self._window_ms):
            return None
        self._is_speaking = True
        self._quiet_windows = 0
        self._turn_windows = self._speech_windows
        return SpeechBegan(self._begins_ms + (self._windows - self._speech_windows) * self._window_ms)

    def skip(self) -> None:
        """Takes the next window without looking at it, while the client decides where turns end."""
        self._windows += 1
        self.reset()

    def reset(self) -> None:
        """Forgets a turn that was going on; where the stream stands is kept."""
        self._is_speaking = False
        self._speech_windows = 0

    def _speaking(self, probability: float, rules: TurnDetection) -> SpeechEnded | None:
        self._turn_windows += 1
        is_quiet = probability < rules.threshold * _RELEASE
        # Between the two thresholds a pause neither grows nor ends.
        if is_quiet:
            self._quiet_windows += 1
        elif probability >= rules.threshold:
            self._quiet_windows = 0
        ended = is_quiet and self._quiet_windows * self._window_ms >= rules.silence_duration_ms
        if not ended and self._turn_windows * self._window_ms < LONGEST_TURN_MS:
            return None
        self.reset()
        return SpeechEnded(self._begins_ms + self._windows * self._window_ms)
