"""Contract of speech/engines/voice.py: people are speech; silence, noise and tones are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from speech_extra import clip, silence, speech_extra
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.resample import convert
from voxruntime.audio.tones import sine
from voxruntime.speech.engines.voice import BACK_ENDS, MAX_STREAMS, WINDOW_MS, Model, VoiceStreams
from voxruntime.speech.interface import SpeechUnavailable

__all__ = ["speech_extra"]

pytestmark = pytest.mark.usefixtures("speech_extra")

RATES = (8000, 16000, 24000, 48000)


def noise(seconds: float, rate: int) -> PCM16:
    return np.random.default_rng(1).normal(0, 1000, int(seconds * rate)).astype(np.int16)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    "sound",
    [silence, noise, lambda seconds, rate: sine(425.0, seconds, rate)],
    ids=["silence", "noise", "tone"],
)
def test_what_nobody_says_is_no_speech(sound: object, rate: int) -> None:
    assert callable(sound)
    values = VoiceStreams().process(1, sound(2.0, rate), rate)
    assert np.mean(np.array(values) > 0.5) < 0.05


@pytest.mark.parametrize("load", BACK_ENDS)
def test_each_package_of_the_model_tells_people_from_noise(load: Callable[[], Model]) -> None:
    streams = VoiceStreams(load)
    pcm, rate = clip("en-hello")
    assert max(streams.process(1, pcm, rate)) > 0.9
    assert np.mean(np.array(streams.process(2, noise(2.0, rate), rate)) > 0.5) < 0.05


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", ["en-hello", "en-call-forwarding", "ru-owls"])
def test_people_are_speech(name: str, rate: int) -> None:
    pcm, own_rate = clip(name)
    values = VoiceStreams().process(1, convert(pcm, own_rate, rate), rate)
    assert max(values) > 0.9
    assert np.mean(np.array(values) > 0.5) > 0.4


@pytest.mark.parametrize("rate", RATES)
def test_results_do_not_depend_on_where_the_audio_is_cut(rate: int) -> None:
    pcm, own_rate = clip("en-hello")
    pcm = convert(pcm, own_rate, rate)
    streams = VoiceStreams()
    whole = streams.process(1, pcm, rate)
    step = rate // 50
    cut = [
        value for at in range(0, len(pcm), step) for value in streams.process(2, pcm[at : at + step], rate)
    ]
    assert cut == pytest.approx(whole, abs=1e-3)
    assert abs(len(whole) - len(pcm) * 1000 // rate // WINDOW_MS) <= 1


def test_a_closed_stream_begins_anew() -> None:
    pcm, rate = clip("en-hello")
    streams = VoiceStreams()
    first = streams.process(1, pcm, rate)
    streams.close(1)
    streams.close(1)
    assert streams.process(1, pcm, rate) == pytest.approx(first, abs=1e-3)


def test_a_new_rate_begins_a_stream_anew() -> None:
    streams = VoiceStreams()
    streams.process(1, noise(0.01, 16000), 16000)
    assert len(streams.process(1, noise(0.032, 8000), 8000)) <= 1


@pytest.mark.parametrize("rate", [0, 11025])
def test_an_unknown_rate_is_refused(rate: int) -> None:
    with pytest.raises(SpeechUnavailable, match=f"{rate} Hz"):
        VoiceStreams().process(1, silence(1, 8000), rate)


def test_streams_are_bounded_and_a_closed_one_makes_room() -> None:
    streams = VoiceStreams()
    for number in range(MAX_STREAMS):
        streams.process(number, silence(0, 16000), 16000)
    with pytest.raises(SpeechUnavailable, match="already"):
        streams.process(MAX_STREAMS, silence(0, 16000), 16000)
    streams.close(0)
    assert streams.process(MAX_STREAMS, silence(0, 16000), 16000) == []
