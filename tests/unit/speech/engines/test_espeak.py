"""Contract of speech/engines/espeak.py."""

from __future__ import annotations

import numpy as np
import pytest

from speech_extra import speech_extra
from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import PCM16
from voxruntime.speech.engines.espeak import MAX_CHARS, Espeak
from voxruntime.speech.interface import SpeechUnavailable
from voxruntime.speech.messages import SYNTHESIS_RATE

__all__ = ["speech_extra"]

pytestmark = pytest.mark.usefixtures("speech_extra")


def say(text: str, *, language: str = "en-US", voice: str = "", speed: float = 1.0) -> list[PCM16]:
    heard: list[PCM16] = []
    Espeak().synthesize(text, heard.append, language=language, voice=voice, speed=speed)
    return heard


def seconds(chunks: list[PCM16]) -> float:
    return sum(map(len, chunks)) / SYNTHESIS_RATE


@pytest.mark.parametrize(
    ("language", "text"),
    [("en-US", "How can I help you today?"), ("ru-RU", "Чем я могу вам помочь сегодня?")],
)
def test_both_languages_are_spoken_piece_by_piece(language: str, text: str) -> None:
    chunks = say(text, language=language)
    assert 1.0 < seconds(chunks) < 4.0
    assert len(chunks) > 3
    assert dbfs(np.concatenate(chunks)) > -30


def test_pieces_join_without_a_step() -> None:
    chunks = say("Aaaaaah")
    joined = np.concatenate(chunks).astype(np.int32)
    steps = np.abs(np.diff(joined))
    seams = np.cumsum([len(chunk) for chunk in chunks[:-1]])
    assert max(steps[seams - 1]) <= np.percentile(steps, 99.5)


def test_speed_shortens_speech() -> None:
    assert seconds(say("one two three four", speed=1.5)) < 0.8 * seconds(say("one two three four"))


def test_an_unknown_voice_is_the_language_s_own() -> None:
    text = "one hundred and twenty-seven"
    usual = seconds(say(text))
    assert seconds(say(text, voice="no such voice")) == pytest.approx(usual, rel=0.02)
    # A voice of another language reads the number in its own.
    assert seconds(say("127", voice="ru")) != pytest.approx(seconds(say("127")), rel=0.02)


@pytest.mark.parametrize("language", ["xx-XX", ""])
def test_an_unknown_language_is_refused(language: str) -> None:
    with pytest.raises(SpeechUnavailable, match="does not speak"):
        say("hello", language=language)


def test_nothing_is_said_for_no_text() -> None:
    assert seconds(say("")) < 0.5


def test_a_text_too_long_is_refused() -> None:
    with pytest.raises(SpeechUnavailable, match="too long"):
        say("a" * (MAX_CHARS + 1))


def test_a_null_character_does_not_end_the_text() -> None:
    assert seconds(say("one\0two three four")) > 1.5 * seconds(say("one"))


@pytest.mark.parametrize(
    ("word", "language", "phonemes"),
    [("hello", "en-US", ["h", "l", "oʊ"]), ("здравствуйте", "ru-RU", ["z", "s", "t", "v"])],
)
def test_words_are_pronounced_phoneme_by_phoneme(word: str, language: str, phonemes: list[str]) -> None:
    parts = [part.strip("ˈˌ") for part in Espeak().ipa(word, language).split("_")]
    assert [phoneme for phoneme in phonemes if phoneme not in parts] == []


def test_nothing_is_pronounced_as_nothing() -> None:
    assert Espeak().ipa("", "en-US") == ""
