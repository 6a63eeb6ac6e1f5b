"""Whether a phrase that a grammar found was said at all: a grammar finds one of its phrases in any sound.

Three things decide. How well the sound fits: the acoustic score of the words, per frame of 10 ms, in nats; 0 is a
sound that the model's own states produce best. And what is left: sound as loud as speech before, after or between
the words, which the decoder takes for silence ("no" in "no more messages"). And whether a voice is heard at all: noise
and animals find their words too ("stop"), and the voice detector knows them apart. A second decoder that writes down
phones without a grammar was measured too and added nothing to these.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxruntime.audio.pcm import PCM16

FRAMES_PER_S = 100
"""Frames of the decoder, and of the levels here."""

LEAST_SCORE: Mapping[str, float] = {"en": -3.5, "ru": -4.2}
"""Scores below are no match. Chosen on one half of the clips, judged on the others: tests/bench/speech.py."""

LOUD_DB = 20.0
"""Frames within this of the loudest count as speech."""

QUIET_DBFS = -55.0
"""Nothing is recognised in sound that never gets louder than this."""

LEAST_VOICED = 0.4
"""Share of the words' frames in which the voice detector must hear a voice."""

_VOICE = 0.3
_FREE_REST = 0.1
_REST_COST = 4.0
_CONFIDENCE_SLOPE = 1.5


@dataclass(frozen=True)
class Segment:
    """A word as the decoder placed it.

    Attributes:
        begin: First frame.
        end: Frame after the last.
        log_likelihood: Acoustic score of all its frames, nats.
    """

    begin: int
    end: int
    log_likelihood: float


@dataclass(frozen=True)
class Verdict:
    """What the evidence says.

    Attributes:
        is_match: Whether the phrase was said.
        confidence: 0.0 to 1.0; 0.5 is the border.
    """

    is_match: bool
    confidence: float


def levels_dbfs(pcm: PCM16, rate: int) -> NDArray[np.float64]:
    """Returns the level of each whole frame of 10 ms, dBFS.

    Args:
        pcm: int16 of shape (samples,).
        rate: Hz.
    """
    length = rate // FRAMES_PER_S
    frames = pcm[: len(pcm) // length * length].reshape(-1, length).astype(np.float64) / 32768
    levels: NDArray[np.float64] = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    return levels


def score(words: Sequence[Segment], speech: NDArray[np.bool_]) -> float:
    """Returns how well the words explain the sound, nats per frame; higher is better.

    Args:
        words: The decoder's words, without silences; at least one.
        speech: Which frames are speech, as `speech_frames` finds them.
    """
    frames = sum(word.end - word.begin for word in words)
    fit = sum(word.log_likelihood for word in words) / max(1, frames)
    rest = speech.copy()
    for word in words:
        rest[word.begin : word.end] = False
    share = float(np.sum(rest)) / max(1.0, float(np.sum(speech)))
    return fit - _REST_COST * max(0.0, share - _FREE_REST)


def speech_frames(levels: NDArray[np.float64], voice: NDArray[np.float64] | None) -> NDArray[np.bool_]:
    """Returns which frames are speech: loud ones, and where there is a voice detector only those with a voice.

    Args:
        levels: Level of each frame, dBFS; at least one.
        voice: Speech probability of each frame; None where there is no voice detector.
    """
    speech: NDArray[np.bool_] = levels > levels.max() - LOUD_DB
    if voice is not None:
        # In noise, its frames are as loud as the weaker sounds of the words.
        count = min(len(levels), len(voice))
        speech[:count] &= voice[:count] >= _VOICE
        speech[count:] = False
    return speech


def voiced(words: Sequence[Segment], voice: NDArray[np.float64]) -> float:
    """Returns the share of the words' frames in which there is a voice.

    Args:
        words: As for `score`.
        voice: Speech probability of each frame; frames past its end count as none.
    """
    frames = np.concatenate([np.arange(word.begin, word.end) for word in words])
    heard = frames[frames < len(voice)]
    return float(np.sum(voice[heard] >= _VOICE)) / max(1, len(frames))


def judge(
    words: Sequence[Segment],
    levels: NDArray[np.float64],
    voice: NDArray[np.float64] | None,
    language: str,
) -> Verdict:
    """Decides whether the words were said.

    Args:
        words: As for `score`.
        levels: As for `speech_frames`.
        voice: As for `voiced`; None where there is no voice detector.
        language: A key of LEAST_SCORE.
    """
    margin = score(words, speech_frames(levels, voice)) - LEAST_SCORE[language]
    confidence = 1 / (1 + math.exp(-_CONFIDENCE_SLOPE * max(margin, -100.0)))
    if voice is not None and voiced(words, voice) < LEAST_VOICED:
        return Verdict(is_match=False, confidence=min(confidence, 0.5))
    return Verdict(is_match=margin >= 0, confidence=confidence)
