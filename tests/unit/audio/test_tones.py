import numpy as np
import pytest

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import PCM16, RATES
from voxruntime.audio.tones import DTMF_DIGITS, dtmf, silence, sine
from voxruntime.errors import InternalError


def peaks_hz(pcm: PCM16, rate: int, count: int) -> list[float]:
    """The strongest frequencies of a stretch, ascending."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)), n=16 * len(pcm)))
    found = []
    for _ in range(count):
        peak = int(spectrum.argmax())
        found.append(peak * rate / (16 * len(pcm)))
        spectrum[max(0, peak - 40) : peak + 40] = 0
    return sorted(found)


@pytest.mark.parametrize("rate", RATES)
def test_sine_has_its_frequency_level_and_length(rate: int) -> None:
    tone = sine(1000.0, 0.5, rate, level_dbfs=-20.0)
    assert tone.dtype == np.int16
    assert len(tone) == rate // 2
    assert tone[0] == 0
    assert peaks_hz(tone, rate, 1) == [pytest.approx(1000, abs=1)]
    assert dbfs(tone) == pytest.approx(-20.0, abs=0.05)


def test_sine_beyond_full_scale_saturates() -> None:
    tone = sine(1000.0, 0.1, 8000, level_dbfs=0.0)
    assert (int(tone.min()), int(tone.max())) == (-32768, 32767)


def test_silence_is_zeros_of_the_nearest_length() -> None:
    assert silence(0.02, 44100).tolist() == [0] * 882
    assert len(silence(0.00019, 8000)) == 2


@pytest.mark.parametrize(
    ("digit", "hz"), [("1", [697, 1209]), ("5", [770, 1336]), ("#", [941, 1477]), ("D", [941, 1633])]
)
def test_dtmf_digit_is_its_two_tones_and_a_gap(digit: str, hz: list[int]) -> None:
    pcm = dtmf(digit, 8000, tone_s=0.1, gap_s=0.05)
    assert len(pcm) == 1200
    assert peaks_hz(pcm[:800], 8000, 2) == [pytest.approx(wanted, abs=3) for wanted in hz]
    assert not pcm[800:].any()


def test_dtmf_plays_every_key_in_order() -> None:
    together = dtmf(DTMF_DIGITS, 8000)
    one_by_one = np.concatenate([dtmf(digit, 8000) for digit in DTMF_DIGITS])
    assert len(DTMF_DIGITS) == 16
    assert np.array_equal(together, one_by_one)


def test_dtmf_of_no_digits_is_empty() -> None:
    assert dtmf("", 8000).shape == (0,)


def test_dtmf_names_characters_that_are_no_keys() -> None:
    with pytest.raises(InternalError, match="x"):
        dtmf("12x", 8000)
