"""Speech engines without speech: text becomes audible tones and is read back from them.

They need no package beside numpy and no other process, so they serve tests and an installation without the extra
`speech`. A caller and an agent who both speak in tones understand each other through real audio, resampled and
mixed on its way; a human voice is noticed by its level and understood by nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np

from voxruntime.audio.levels import dbfs
from voxruntime.audio.tonewords import decode, encode
from voxruntime.speech import phrases as offered
from voxruntime.speech.interface import PCM16, Heard, Recognizer, Synthesizer, VoiceDetector

TONE_RATE = 8000
"""Hz of synthesized tones: the telephone's rate, so that no leg takes anything away from them."""

CHUNK_S = 0.1
"""Seconds of audio in one chunk of `ToneSynthesizer.synthesize`."""

SPEECH_DBFS = -45.0
"""Windows louder than this count as speech: above line noise, below a quiet talker."""


class EnergyDetector:
    """Calls every window louder than a fixed level speech. A `VoiceDetector` for any voice, tone or noise.

    Args:
        threshold_dbfs: Windows above this level are speech.
        window_ms: Length of a window; the rate times it must be whole samples, or the last is cut off.
    """

    def __init__(self, threshold_dbfs: float = SPEECH_DBFS, window_ms: int = 20) -> None:
        self.window_ms = window_ms
        self._threshold_dbfs = threshold_dbfs
        self._rest: PCM16 = np.zeros(0, dtype=np.int16)

    async def detect(self, pcm: PCM16, rate: int) -> list[float]:
        """Returns 1.0 for each loud window that `pcm` completes and 0.0 for each quiet one.

        Args:
            pcm: int16 of shape (samples,), any length.
            rate: Hz; the same in every call.
        """
        window = rate * self.window_ms // 1000
        waiting = np.concatenate((self._rest, pcm))
        whole = len(waiting) // window * window
        self._rest = waiting[whole:]
        return [float(dbfs(part) > self._threshold_dbfs) for part in waiting[:whole].reshape(-1, window)]

    def close(self) -> None:
        """Forgets the samples of an unfinished window."""
        self._rest = self._rest[:0]


class ToneRecognizer:
    """Reads tone words. A `Recognizer` for what `ToneSynthesizer` says, in every language."""

    async def recognize(self, pcm: PCM16, rate: int, *, phrases: Sequence[str], language: str) -> Heard:  # noqa: ARG002
        """Returns the decoded text: an offered phrase as it was offered, other text without a match."""
        text = decode(pcm, rate)
        if text is None:
            return Heard(text="", confidence=0.0, is_match=False)
        phrase = offered.find(text, phrases)
        return Heard(text=text if phrase is None else phrase, confidence=1.0, is_match=phrase is not None)


class ToneSynthesizer:
    """Says text as tone words; voice, language and speed change nothing, so that it can always be read back."""

    rate = TONE_RATE

    async def synthesize(
        self,
        text: str,
        *,
        language: str,  # noqa: ARG002
        voice: str,  # noqa: ARG002
        speed: float = 1.0,  # noqa: ARG002
    ) -> AsyncIterator[PCM16]:
        """Yields the tones of `text` in chunks of CHUNK_S."""
        pcm = encode(text, self.rate)
        step = int(self.rate * CHUNK_S)
        for start in range(0, len(pcm), step):
            yield pcm[start : start + step]


class ToneEngines:
    """`SpeechEngines` of the base installation."""

    def __init__(self) -> None:
        self.recognizer: Recognizer = ToneRecognizer()
        self.synthesizer: Synthesizer = ToneSynthesizer()

    def voice_detector(self) -> VoiceDetector:
        """Returns a detector for one audio stream."""
        return EnergyDetector()
