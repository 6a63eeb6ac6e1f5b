from __future__ import annotations

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.audio.skew import DELAY_SAMPLES, SkewResampler

RATE = 8000


def tone(samples: int, hz: float = 997.0) -> PCM16:
    return np.rint(16_000 * np.sin(2 * np.pi * hz * np.arange(samples) / RATE)).astype(np.int16)


def residue_db(sound: PCM16, hz: float) -> float:
    """What is left of a sound beside one tone, against the tone."""
    angle = 2 * np.pi * hz * np.arange(len(sound)) / RATE
    waves = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    fitted = waves @ np.linalg.lstsq(waves, sound.astype(float), rcond=None)[0]
    return float(20 * np.log10(np.std(sound - fitted) / np.std(fitted)))


def test_a_ratio_of_one_passes_samples_on_exactly() -> None:
    resampler, sound = SkewResampler(), tone(800)
    heard = np.concatenate([resampler.process(chunk, 1.0) for chunk in np.split(sound, [3, 160, 161, 500])])
    assert heard[DELAY_SAMPLES:].tolist() == sound[: 800 - DELAY_SAMPLES].tolist()
    assert not heard[:DELAY_SAMPLES].any()


@pytest.mark.parametrize("ratio", [1.0002, 0.9998, 1.0005])
def test_a_tone_stays_a_tone(ratio: float) -> None:
    resampler = SkewResampler()
    heard = np.concatenate([resampler.process(chunk, ratio) for chunk in np.split(tone(16_000), 100)])
    assert residue_db(heard[200:], 997.0 * ratio) < -80


@pytest.mark.parametrize("ratio", [1.0003, 0.9997, 1.0])
def test_gives_as_many_samples_as_were_asked_for(ratio: float) -> None:
    resampler, taken = SkewResampler(), 0
    sound = tone(20_000)
    heard = []
    for _ in range(100):
        needed = resampler.needed(160, ratio)
        heard.append(resampler.process(sound[taken : taken + needed], ratio, 160))
        taken += needed
    assert [len(frame) for frame in heard] == [160] * 100
    assert abs(taken - 16_000 * ratio) <= 1
    assert residue_db(np.concatenate(heard)[200:], 997.0 * ratio) < -80


def test_loses_no_sample_when_the_ratio_changes() -> None:
    resampler = SkewResampler()
    ratios = [1.0, 1.0004, 0.9996, 1.0, 1.0001] * 20
    given = sum(len(resampler.process(tone(160), ratio)) for ratio in ratios)
    assert abs(given - sum(160 / ratio for ratio in ratios)) < 2


def test_full_scale_saturates() -> None:
    square = np.where(np.arange(1600) % 7 < 3, 32767, -32768).astype(np.int16)
    heard = SkewResampler().process(square, 1.0005)
    turns = np.abs(np.diff(heard.astype(int)))
    assert heard.max() == 32767
    assert heard.min() == -32768
    # A value that wrapped would jump by the whole range between two samples of one half wave.
    assert np.count_nonzero(turns > 65_000) < len(heard) * 2 / 7


@pytest.mark.parametrize("ratio", [1.0, 1.0004])
def test_silenced_sound_is_not_given_later_and_costs_no_time(ratio: float) -> None:
    silenced, other = SkewResampler(), SkewResampler()
    given = [len(one.process(tone(480), ratio)) for one in (silenced, other)]
    assert given[0] == given[1]
    assert silenced.silence() > 0
    rest, sounding = (one.process(np.zeros(480, dtype=np.int16), ratio) for one in (silenced, other))
    assert sounding.any()
    assert not rest.any()
    assert len(rest) == len(sounding)
