"""What voxrt asks of speech engines: three small interfaces, implemented by tones here and by the speech process.

All audio is int16 mono. Implementations may do their work in another process; none blocks the caller's loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

PCM16 = NDArray[np.int16]


CALLER_SPEED = 0.7
"""Speed at which callers speak who are typed or scripted, see `caller_voice`."""


def caller_voice(language: str) -> str:
    """Returns the voice of callers who are typed or scripted, by its name in espeak-ng.

    Of its voices it is the one that a recogniser of telephone speech understands best: at CALLER_SPEED, 16 of the 17
    phrases of the bundled English dialogues, where the language's own voice gets 6 through. It is not the agent's.

    Args:
        language: BCP-47 tag such as `en-US`.
    """
    primary = language.partition("-")[0].lower()
    return f"{'en-us' if primary == 'en' else primary}+f5"


class SpeechUnavailable(Exception):
    """The engine cannot serve this request: its process died or its package is missing. `reason` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Heard(msgspec.Struct, frozen=True):
    """What a recogniser made of one utterance.

    Attributes:
        text: The recognised words; empty when nothing of the offered phrases was said.
        confidence: 0.0 to 1.0, comparable only within one recogniser.
        is_match: Whether `text` is one of the offered phrases. False with text: free speech outside them.
    """

    text: str
    confidence: float
    is_match: bool


class VoiceDetector(Protocol):
    """Speech or not, for one audio stream. Feed any amount; results come in order, one for each window."""

    window_ms: int

    async def detect(self, pcm: PCM16, rate: int) -> list[float]:
        """Returns the speech probability (0.0 to 1.0) of each window that `pcm` completes.

        Raises:
            SpeechUnavailable: The engine is gone; the caller falls back to energy.
        """

    def close(self) -> None: ...


class Recognizer(Protocol):
    """Turns one utterance into text. It gets the audio and the phrases of the dialogue's state, nothing else."""

    async def recognize(self, pcm: PCM16, rate: int, *, phrases: Sequence[str], language: str) -> Heard:
        """Returns what was said.

        Args:
            pcm: int16 of shape (samples,): the utterance with a little silence around it.
            rate: Hz.
            phrases: What the dialogue expects now; empty means nothing can match.
            language: BCP-47 tag such as `en-US` or `ru-RU`.

        Raises:
            SpeechUnavailable: The engine is gone or lacks the language.
        """


class Synthesizer(Protocol):
    """Turns text into audio, streamed, much faster than real time."""

    rate: int
    """Hz of the audio that `synthesize` yields."""

    def synthesize(self, text: str, *, language: str, voice: str, speed: float = 1.0) -> AsyncIterator[PCM16]:
        """Yields the speech of `text` in chunks of any length.

        Raises:
            SpeechUnavailable: The engine is gone or lacks the language.
        """


class SpeechEngines(Protocol):
    """The engines of one run: what the embedded server and scripted callers get at start."""

    recognizer: Recognizer
    synthesizer: Synthesizer

    def voice_detector(self) -> VoiceDetector: ...
