"""Contract of audio/dtmf.py: round trips with generated tones, and silence about everything else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speech_extra import clip
from voxruntime.audio.dtmf import DtmfDetector
from voxruntime.audio.levels import rms_of_dbfs
from voxruntime.audio.pcm import PCM16, RATES
from voxruntime.audio.resample import convert
from voxruntime.audio.tones import DTMF_DIGITS, dtmf, silence, sine
from voxruntime.audio.tonewords import encode

RECORDINGS = [
    "en-call-forwarding",
    "en-do-not-disturb",
    "en-goodbye",
    "en-hello",
    "en-one-moment-please",
    "en-speed-dial",
    "en-weasels",
    "ru-no-more-messages",
    "ru-owls",
    "ru-queue-position",
    "ru-waiting-time",
]


def noise(seconds: float, rate: int, level_dbfs: float) -> PCM16:
    samples = np.random.default_rng(5).normal(0, rms_of_dbfs(level_dbfs), int(seconds * rate))
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def mixed(first: PCM16, second: PCM16) -> PCM16:
    length = max(len(first), len(second))
    total = np.zeros(length, dtype=np.int64)
    total[: len(first)] += first
    total[: len(second)] += second
    return np.clip(total, -32768, 32767).astype(np.int16)


def heard(pcm: PCM16, rate: int, step: int = 0) -> str:
    """Returns the digits found in a sound that ends in silence, cut into pieces."""
    detector = DtmfDetector(rate)
    pcm = np.concatenate((pcm, silence(0.1, rate)))
    step = step or rate // 50
    pieces = [pcm[start : start + step] for start in range(0, len(pcm), step)]
    return "".join(pressed.digit for piece in pieces for pressed in detector.process(piece))


@pytest.mark.parametrize("rate", RATES)
def test_every_digit_is_heard_at_every_rate(rate: int) -> None:
    assert heard(dtmf(DTMF_DIGITS, rate, tone_s=0.05, gap_s=0.05), rate) == DTMF_DIGITS


@given(st.text(DTMF_DIGITS, max_size=6), st.integers(0, 150), st.integers(1, 700))
def test_digits_do_not_depend_on_where_the_stream_is_cut(digits: str, before: int, step: int) -> None:
    pcm = np.concatenate((np.zeros(before, dtype=np.int16), dtmf(digits, 8000, tone_s=0.04, gap_s=0.04)))
    assert heard(pcm, 8000, step) == digits


@pytest.mark.parametrize("digit", "147*D")
def test_tone_is_a_digit_from_40_ms_on_and_none_under_23(digit: str) -> None:
    for start in range(0, 64, 7):
        before = np.zeros(start, dtype=np.int16)
        assert heard(np.concatenate((before, dtmf(digit, 8000, tone_s=0.04))), 8000) == digit
        assert heard(np.concatenate((before, dtmf(digit, 8000, tone_s=0.023))), 8000) == ""


def test_break_of_10_ms_splits_no_digit_and_a_pause_of_40_parts_two() -> None:
    for pause_s, digits in ((0.01, "5"), (0.04, "55")):
        for shift in range(0, 64, 7):
            first = dtmf("5", 8000, tone_s=0.06, gap_s=pause_s)
            pcm = np.concatenate((silence(0.02, 8000)[:shift], first, dtmf("5", 8000, tone_s=0.06)))
            assert heard(pcm, 8000) == digits


@pytest.mark.parametrize("detuned", [0.985, 0.993, 1.007, 1.015])
def test_frequencies_may_be_off_by_1_5_percent(detuned: float) -> None:
    for row, column, digit in ((697, 1209, "1"), (770, 1336, "5"), (941, 1633, "D")):
        tone = mixed(
            sine(row * detuned, 0.05, 8000, level_dbfs=-16),
            sine(column * detuned, 0.05, 8000, level_dbfs=-16),
        )
        assert heard(tone, 8000) == digit


@pytest.mark.parametrize(
    ("row_db", "column_db", "digits"), [(-10, -16, "1"), (-16, -12, "1"), (-8, -24, ""), (-40, -10, "")]
)
def test_tones_are_of_similar_level(row_db: float, column_db: float, digits: str) -> None:
    tone = mixed(sine(697, 0.08, 8000, level_dbfs=row_db), sine(1209, 0.08, 8000, level_dbfs=column_db))
    assert heard(tone, 8000) == digits


@pytest.mark.parametrize("level_dbfs", [-8.0, -25.0, -35.0])
def test_loud_and_quiet_tones_are_heard(level_dbfs: float) -> None:
    assert heard(dtmf("159D", 8000, level_dbfs=level_dbfs), 8000) == "159D"


@pytest.mark.parametrize("rate", RATES)
def test_digits_are_heard_in_noise_15_db_below_them(rate: int) -> None:
    tones = dtmf("0123456789*#", rate, tone_s=0.06, gap_s=0.06, level_dbfs=-16)
    assert heard(mixed(tones, noise(2.0, rate, -28.0)), rate) == "0123456789*#"


@pytest.mark.parametrize("level_dbfs", [-40.0, -20.0, -6.0])
def test_noise_is_no_digit(level_dbfs: float) -> None:
    assert heard(noise(20.0, 8000, level_dbfs), 8000) == ""


@pytest.mark.parametrize("name", RECORDINGS)
def test_people_talk_without_pressing_keys(name: str) -> None:
    pcm, rate = clip(name)
    assert heard(pcm if rate in RATES else convert(pcm, rate, 8000), rate if rate in RATES else 8000) == ""


def test_words_in_tones_press_no_keys() -> None:
    assert (
        heard(encode("please call me back on 5 5 5 tomorrow, thank you and goodbye " * 5, 8000), 8000) == ""
    )


@pytest.mark.parametrize("hz", [350, 440, 480, 620, 697, 1000, 1336, 2000])
def test_single_tones_of_the_network_are_no_digits(hz: int) -> None:
    assert heard(sine(hz, 1.0, 8000), 8000) == ""
    assert heard(mixed(sine(440, 1.0, 8000), sine(480, 1.0, 8000)), 8000) == ""


def test_start_is_where_the_tone_began() -> None:
    detector = DtmfDetector(16000)
    pcm = np.concatenate((silence(0.5, 16000), dtmf("7", 16000)))
    [pressed] = detector.process(pcm)
    assert pressed.start_s == pytest.approx(0.5, abs=0.016)
