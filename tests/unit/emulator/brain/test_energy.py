"""Contract of emulator/brain/energy.py."""

from __future__ import annotations

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.brain.energy import WINDOW_MS, EnergyDetector


def noise(level_dbfs: float, seconds: float, rate: int = 8000) -> PCM16:
    generator = np.random.default_rng(1)
    samples = generator.normal(0, 32768 * 10 ** (level_dbfs / 20), int(seconds * rate))
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def probabilities(*pcm: PCM16, rate: int = 8000) -> list[float]:
    return EnergyDetector().process(np.concatenate(pcm), rate)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
def test_one_probability_for_each_window(rate: int) -> None:
    found = probabilities(noise(-20, 1.0, rate), rate=rate)
    assert len(found) == 1000 // WINDOW_MS
    assert all(0.0 <= probability <= 1.0 for probability in found)


def test_cuts_do_not_matter() -> None:
    pcm = noise(-30, 0.5)
    detector = EnergyDetector()
    cut = [
        probability
        for start in range(0, len(pcm), 7)
        for probability in detector.process(pcm[start : start + 7], 8000)
    ]
    assert cut == probabilities(pcm)


def test_silence_and_a_quiet_line_are_no_speech() -> None:
    assert max(probabilities(np.zeros(8000, dtype=np.int16), noise(-60, 1), noise(-50, 1))) < 0.5


@pytest.mark.parametrize("level_dbfs", [-12, -26, -36])
def test_talker_on_a_quiet_line_is_speech_at_once(level_dbfs: float) -> None:
    assert min(probabilities(noise(-60, 1), noise(level_dbfs, 1))[50:]) > 0.5


def test_talker_stays_speech_for_a_long_sentence() -> None:
    assert min(probabilities(noise(-55, 1), noise(-26, 8))[50:]) > 0.5


def test_hum_stops_being_speech() -> None:
    found = probabilities(noise(-38, 20))
    assert found[0] > 0.5
    assert max(found[-50:]) < 0.5


def test_talker_is_heard_over_noise() -> None:
    found = probabilities(noise(-45, 5), noise(-22, 1))
    assert max(found[100:250]) < 0.5
    assert min(found[250:]) > 0.5


def test_new_rate_starts_with_a_new_window() -> None:
    detector = EnergyDetector()
    assert detector.process(noise(-20, 0.019, 48000), 48000) == []
    assert len(detector.process(noise(-20, 0.02, 8000), 8000)) == 1
