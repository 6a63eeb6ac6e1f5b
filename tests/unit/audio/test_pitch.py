from __future__ import annotations

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.audio.pitch import FULL_S, SILENT_AFTER_S, Concealer, period, put_in, take_out

RATE = 8000


def voice(samples: int, hz: float, rate: int = RATE) -> PCM16:
    """Harmonics of a pitch, as a vowel has them."""
    seconds = np.arange(samples) / rate
    sound = sum(np.sin(2 * np.pi * hz * n * seconds) / n for n in range(1, 8))
    return np.rint(6000 * np.asarray(sound)).astype(np.int16)


def largest_step(sound: PCM16) -> int:
    return int(np.abs(np.diff(sound.astype(int))).max())


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
@pytest.mark.parametrize("hz", [80, 100, 125, 160, 250])
def test_the_period_of_a_voice_is_found_or_a_multiple_of_it(rate: int, hz: int) -> None:
    length, alike = period(voice(rate // 10, hz, rate), rate)
    assert length / (rate / hz) == pytest.approx(round(length / (rate / hz)), abs=0.04)
    assert alike > 0.98


def test_silence_has_no_pitch() -> None:
    assert period(np.zeros(240, dtype=np.int16), RATE)[1] == 0.0


def test_one_period_is_taken_out_without_a_step() -> None:
    sound = voice(400, 100)
    shorter, alike = take_out(sound, RATE)
    assert len(sound) - len(shorter) == 80
    assert alike > 0.98
    assert largest_step(shorter) <= largest_step(sound)


def test_one_period_is_put_in_without_a_step() -> None:
    sound = voice(800, 100)
    longer, alike = put_in(sound[:400], sound[400:], RATE)
    assert len(longer) - 400 == 80
    assert alike > 0.98
    assert largest_step(np.concatenate([sound[:400], longer])) <= largest_step(sound)


class TestConcealer:
    def test_sound_that_comes_passes_as_it_is(self) -> None:
        concealer, sound = Concealer(RATE), voice(1600, 120)
        concealer.pass_on(sound[:160])
        assert concealer.pass_on(sound[160:]).tolist() == sound[160:].tolist()

    def test_a_lost_frame_of_a_voice_is_nearly_what_was_lost(self) -> None:
        concealer, sound = Concealer(RATE), voice(1600, 120)
        concealer.pass_on(sound[:800])
        made, after = concealer.make_up(160), concealer.pass_on(sound[960:])
        lost = sound[800 : 800 + round(FULL_S * RATE)].astype(float)
        assert np.std(made[: len(lost)] - lost) < 0.15 * np.std(lost)
        assert largest_step(np.concatenate([sound[:800], made, after])) <= 1.2 * largest_step(sound)
        assert after[160:].tolist() == sound[1120:].tolist()

    def test_a_long_gap_fades_to_silence(self) -> None:
        concealer = Concealer(RATE)
        concealer.pass_on(voice(800, 120))
        made = np.concatenate([concealer.make_up(160) for _ in range(6)])
        levels = [int(np.abs(frame.astype(int)).max()) for frame in made.reshape(-1, 80)]
        assert levels[0] > 5000
        assert levels[: round(SILENT_AFTER_S * 100)] == sorted(levels, reverse=True)[:6]
        assert not made[round(SILENT_AFTER_S * RATE) :].any()
        assert concealer.has_faded

    def test_nothing_is_made_up_before_the_first_sound(self) -> None:
        concealer = Concealer(RATE)
        assert concealer.has_faded
        assert not concealer.make_up(320).any()

    def test_noise_is_not_made_a_tone(self) -> None:
        concealer = Concealer(RATE)
        concealer.pass_on(np.random.default_rng(3).integers(-3000, 3000, 800).astype(np.int16))
        made = concealer.make_up(160).astype(float)
        spectrum = np.abs(np.fft.rfft(made * np.hanning(160)))
        assert spectrum.max() < 6 * spectrum.mean()

    def test_full_scale_does_not_wrap(self) -> None:
        concealer = Concealer(RATE)
        square = np.where(np.arange(800) % 80 < 40, 32767, -32768).astype(np.int16)
        concealer.pass_on(square)
        made = np.concatenate([concealer.make_up(80), concealer.pass_on(square[:80])])
        assert np.count_nonzero(np.abs(np.diff(made.astype(int))) > 60_000) <= 4
