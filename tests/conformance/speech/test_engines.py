"""What every `SpeechEngines` keeps, whoever listens and speaks behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import numpy as np
import pytest

from speech_extra import need_speech, silence
from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import RATES
from voxruntime.clock import Clock
from voxruntime.speech.client import SpeechProcess
from voxruntime.speech.interface import SpeechEngines
from voxruntime.speech.tones import ToneEngines
from voxruntime.testing import virtual_loop

Opened = AbstractAsyncContextManager[SpeechEngines]
Open = Callable[[], Opened]


@asynccontextmanager
async def tones() -> AsyncIterator[SpeechEngines]:
    yield ToneEngines()


@asynccontextmanager
async def processes() -> AsyncIterator[SpeechEngines]:
    engines = SpeechProcess(Clock(asyncio.get_running_loop()))
    await engines.start()
    try:
        await engines.ready()
        yield engines
    finally:
        await engines.close()


@pytest.fixture(params=[tones, processes], ids=["tones", "processes"])
def opened(request: pytest.FixtureRequest) -> Open:
    kind: Open = request.param
    if kind is processes:
        need_speech()
    return kind


def with_engines(opened: Open, test: Callable[[SpeechEngines], Coroutine[object, object, None]]) -> None:
    async def main() -> None:
        async with opened() as engines:
            await test(engines)

    virtual_loop.run(main())


@pytest.mark.parametrize(("language", "text"), [("en-US", "Good morning."), ("ru-RU", "Доброе утро.")])
def test_text_becomes_audible_in_chunks_at_a_rate_that_ports_know(
    opened: Open, language: str, text: str
) -> None:
    async def test(engines: SpeechEngines) -> None:
        voice = engines.synthesizer
        chunks = [chunk async for chunk in voice.synthesize(text, language=language, voice="anyone")]
        assert voice.rate in RATES
        assert len(chunks) > 1
        assert {chunk.dtype for chunk in chunks} == {np.dtype(np.int16)}
        assert dbfs(np.concatenate(chunks)) > -40

    with_engines(opened, test)


def test_many_speak_at_once_and_each_hears_its_own(opened: Open) -> None:
    async def test(engines: SpeechEngines) -> None:
        async def length(text: str) -> int:
            spoken = engines.synthesizer.synthesize(text, language="en-US", voice="")
            return sum([len(chunk) async for chunk in spoken])

        texts = ["one", "one two three four five six"] * 5
        lengths = await asyncio.gather(*map(length, texts))
        assert max(lengths[::2]) < min(lengths[1::2])

    with_engines(opened, test)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_each_whole_window_has_one_probability(opened: Open, rate: int) -> None:
    async def test(engines: SpeechEngines) -> None:
        detector = engines.voice_detector()
        values = [value for _ in range(50) for value in await detector.detect(silence(0.02, rate), rate)]
        assert abs(len(values) - 1000 // detector.window_ms) <= 1
        assert max(values) < 0.5
        detector.close()
        detector.close()

    with_engines(opened, test)


@pytest.mark.parametrize("phrases", [[], ["yes", "no thanks"], ["!!!"]])
def test_in_silence_nothing_is_heard(opened: Open, phrases: list[str]) -> None:
    async def test(engines: SpeechEngines) -> None:
        for seconds in (0.0, 0.01, 1.0):
            heard = await engines.recognizer.recognize(
                silence(seconds, 8000), 8000, phrases=phrases, language="en-US"
            )
            assert (heard.text, heard.is_match) == ("", False)

    with_engines(opened, test)
