"""Contract of speech/tones.py."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from voxruntime.speech.interface import PCM16, SpeechEngines, Synthesizer
from voxruntime.speech.tones import EnergyDetector, ToneEngines


async def say(synthesizer: Synthesizer, text: str) -> list[PCM16]:
    return [chunk async for chunk in synthesizer.synthesize(text, language="en-US", voice="any")]


def sine(seconds: float, amplitude: float, rate: int = 8000) -> PCM16:
    time_s = np.arange(int(seconds * rate)) / rate
    return np.rint(amplitude * np.sin(2 * np.pi * 440 * time_s)).astype(np.int16)


def hear_again(said: str, phrases: list[str]) -> tuple[str, bool]:
    async def main() -> tuple[str, bool]:
        engines: SpeechEngines = ToneEngines()
        pcm = np.concatenate(await say(engines.synthesizer, said))
        rate = engines.synthesizer.rate
        heard = await engines.recognizer.recognize(pcm, rate, phrases=phrases, language="en-US")
        return heard.text, heard.is_match

    return asyncio.run(main())


@pytest.mark.parametrize("text", ["hello", "What is the weather?", "привет, как дела"])
def test_recognizer_hears_what_the_synthesizer_said(text: str) -> None:
    assert hear_again(text, ["something else", text]) == (text, True)


def test_recognizer_ignores_case_and_punctuation() -> None:
    assert hear_again("good bye", ["Good bye!"]) == ("Good bye!", True)


def test_recognizer_reports_other_text_without_a_match() -> None:
    assert hear_again("pizza", ["hello"]) == ("pizza", False)


def test_recognizer_matches_nothing_when_nothing_is_offered() -> None:
    assert hear_again("hello", []) == ("hello", False)


def test_recognizer_hears_nothing_in_audio_without_tone_words() -> None:
    async def main() -> tuple[str, bool]:
        heard = await ToneEngines().recognizer.recognize(
            np.zeros(8000, dtype=np.int16), 8000, phrases=["hello"], language="en-US"
        )
        return heard.text, heard.is_match

    assert asyncio.run(main()) == ("", False)


def test_synthesizer_yields_short_chunks_of_int16() -> None:
    engines = ToneEngines()
    chunks = asyncio.run(say(engines.synthesizer, "a longer sentence, said in tones"))
    assert len(chunks) > 1
    assert all(chunk.dtype == np.int16 and 0 < len(chunk) <= 800 for chunk in chunks)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
def test_detector_answers_once_for_each_window(rate: int) -> None:
    loud = sine(0.1, 8000, rate)
    assert asyncio.run(EnergyDetector().detect(loud, rate)) == [1.0] * 5


def test_detector_gives_the_same_answers_in_any_cut() -> None:
    pcm = np.concatenate((np.zeros(800, dtype=np.int16), sine(0.1, 8000), np.zeros(800, dtype=np.int16)))

    async def main(step: int) -> list[float]:
        detector = EnergyDetector()
        found: list[float] = []
        for start in range(0, len(pcm), step):
            found += await detector.detect(pcm[start : start + step], 8000)
        return found

    whole = asyncio.run(main(len(pcm)))
    assert whole == [0.0] * 5 + [1.0] * 5 + [0.0] * 5
    assert asyncio.run(main(37)) == whole


def test_detector_calls_faint_noise_silence() -> None:
    assert asyncio.run(EnergyDetector().detect(sine(0.1, 50), 8000)) == [0.0] * 5


def test_detector_takes_windows_of_another_length() -> None:
    assert asyncio.run(EnergyDetector(window_ms=32).detect(sine(0.1, 8000), 8000)) == [1.0] * 3


def test_detector_forgets_the_unfinished_window_when_closed() -> None:
    async def main() -> list[float]:
        detector = EnergyDetector()
        await detector.detect(sine(0.01, 8000), 8000)
        detector.close()
        return await detector.detect(np.zeros(160, dtype=np.int16), 8000)

    assert asyncio.run(main()) == [0.0]
