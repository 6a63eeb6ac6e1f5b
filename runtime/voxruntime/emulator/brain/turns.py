"""Where turns begin and end: server VAD over the speech probability of each window.

A turn begins when speech has lasted for a moment (`Onset`) and ends when it has been absent for
`silence_duration_ms`. Between the threshold and a lower one, what is going on goes on: a single limit would break words
at their quiet ends.
"""

from __future__ import annotations

import math

import msgspec

from voxruntime.emulator.brain.session_config import TurnDetection


class Onset(msgspec.Struct, frozen=True):
    """What begins a turn.

    Attributes:
        lasts_ms: Speech shorter than this begins none.
        threshold_share: Part of the threshold that is enough for it.
    """

    lasts_ms: float
    threshold_share: float


LOUD_ONSET = Onset(lasts_ms=60, threshold_share=1.0)
"""By loudness, what is shorter is a click."""

VOICED_ONSET = Onset(lasts_ms=1, threshold_share=0.6)
"""A model of speech knows clicks by itself and judges more than its window, so one will do. On recordings of people onset
is then seen 36 ms after it (90 in 100 within 74 ms); two windows at the whole threshold took 79 (178)."""

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
        onset: What begins a turn.
        begins_ms: Where the first window begins, in the audio appended since the session's start.
    """

    def __init__(self, window_ms: float, onset: Onset = LOUD_ONSET, *, begins_ms: float = 0.0) -> None:
        self._window_ms = window_ms
        self._onset = onset
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
        is_speech = probability >= rules.threshold * self._onset.threshold_share
        self._speech_windows = self._speech_windows + 1 if is_speech else 0
        if self._speech_windows < math.ceil(self._onset.lasts_ms / self._window_ms):
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
