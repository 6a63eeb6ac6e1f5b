"""Contract of speech/engines/rejection.py."""

from __future__ import annotations

import numpy as np
import pytest

from voxruntime.speech.engines import rejection
from voxruntime.speech.engines.rejection import LEAST_SCORE, Segment

LOUD, QUIET = -20.0, -70.0
ALL_VOICE = np.ones(100)


def word(nats_per_frame: float, begin: int = 20, end: int = 80) -> Segment:
    return Segment(begin, end, nats_per_frame * (end - begin))


def levels(*loud: tuple[int, int]) -> np.ndarray:
    made = np.full(100, QUIET)
    for begin, end in loud:
        made[begin:end] = LOUD
    return made


def speech(*spans: tuple[int, int]) -> np.ndarray:
    return rejection.speech_frames(levels(*spans), None)


def test_speech_is_what_is_loud() -> None:
    assert np.flatnonzero(speech((20, 30), (50, 60))).tolist() == [*range(20, 30), *range(50, 60)]


def test_loud_noise_without_a_voice_is_no_speech() -> None:
    voice = np.zeros(90)
    voice[40:60] = 0.9
    found = rejection.speech_frames(levels((0, 100)), voice)
    assert np.flatnonzero(found).tolist() == list(range(40, 60))


def test_score_is_the_mean_over_the_words_frames() -> None:
    assert rejection.score([word(-1, 20, 40), word(-3, 40, 80)], speech((20, 80))) == pytest.approx(-140 / 60)


def test_speech_outside_the_words_lowers_the_score() -> None:
    explained = rejection.score([word(-1)], speech((20, 80)))
    assert rejection.score([word(-1)], speech((20, 100))) < explained


def test_a_little_sound_outside_the_words_costs_nothing() -> None:
    assert rejection.score([word(-1)], speech((18, 82))) == pytest.approx(-1)


@pytest.mark.parametrize("language", sorted(LEAST_SCORE))
def test_the_border_of_a_match_is_the_least_score_and_half_confidence(language: str) -> None:
    least = LEAST_SCORE[language]
    above = rejection.judge([word(least + 0.01)], levels((20, 80)), ALL_VOICE, language)
    below = rejection.judge([word(least - 0.01)], levels((20, 80)), ALL_VOICE, language)
    # Not equality: numpy's booleans are equal to Python's, but cannot be sent to another process.
    assert above.is_match is True
    assert below.is_match is False
    assert above.confidence == pytest.approx(0.5, abs=0.01)
    assert below.confidence == pytest.approx(0.5, abs=0.01)


def test_words_without_a_voice_are_no_match_however_well_they_fit() -> None:
    verdict = rejection.judge([word(-0.5)], levels((20, 80)), np.zeros(100), "en")
    assert not verdict.is_match
    assert verdict.confidence <= 0.5


def test_a_voice_is_taken_for_granted_without_a_detector() -> None:
    assert rejection.judge([word(-0.5)], levels((20, 80)), None, "en").is_match


def test_frames_past_the_detectors_end_have_no_voice() -> None:
    assert rejection.voiced([word(-1, 0, 100)], np.ones(50)) == pytest.approx(0.5)


def test_levels_are_given_for_each_whole_frame() -> None:
    pcm = np.concatenate((np.full(80, 16384), np.zeros(80), np.ones(79))).astype(np.int16)
    found = rejection.levels_dbfs(pcm, 8000)
    assert len(found) == 2
    assert found[0] == pytest.approx(-6.02, abs=0.01)
    assert found[1] < -100


def test_judge_survives_a_hopeless_score() -> None:
    assert rejection.judge([word(-1e6)], levels((20, 80)), None, "ru").confidence == pytest.approx(0)
