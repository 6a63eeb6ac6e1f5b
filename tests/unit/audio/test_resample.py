"""What the filters must reach, measured for every pair of rates on audio sent through frame by frame."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import PCM16, RATES, frame_samples, silent_frame
from voxruntime.audio.resample import Resampler, StreamResampler, convert
from voxruntime.audio.tones import sine
from voxruntime.errors import FrameMismatch, InternalError

PAIRS = list(itertools.permutations(RATES, 2))
AMPLITUDE = 16000.0
EVERY_PAIR = pytest.mark.parametrize(("in_rate", "out_rate"), PAIRS)


def tone(hz: float, rate: int, *, frames: int = 30) -> PCM16:
    seconds = np.arange(frames * frame_samples(rate)) / rate
    return np.rint(AMPLITUDE * np.sin(2 * np.pi * hz * seconds)).astype(np.int16)


def noise(samples: int, seed: int = 1) -> PCM16:
    return np.random.default_rng(seed).integers(-9000, 9000, samples).astype(np.int16)


def resample(pcm: PCM16, in_rate: int, out_rate: int) -> PCM16:
    """Sends whole frames through, one after the other."""
    resampler = Resampler(in_rate, out_rate)
    pairs = itertools.pairwise([silent_frame(in_rate), *pcm.reshape(-1, frame_samples(in_rate))])
    return np.concatenate([resampler.process([before], [frame])[0] for before, frame in pairs])


def phasor(pcm: PCM16, hz: float, rate: int) -> complex:
    """Amplitude and phase of a sine that began at sample 0, from the middle of the audio."""
    begin, end = len(pcm) // 10, len(pcm) * 9 // 10
    window = np.hanning(end - begin)
    turns = np.exp(-2j * np.pi * hz * np.arange(begin, end) / rate)
    return complex(2j * (pcm[begin:end] * window * turns).sum() / window.sum())


def gain_db(pcm: PCM16, hz: float, rate: int) -> float:
    return 20 * math.log10(abs(phasor(pcm, hz, rate)) / AMPLITUDE)


@EVERY_PAIR
def test_speech_band_passes_within_a_tenth_of_a_db(in_rate: int, out_rate: int) -> None:
    for hz in (300, 700, 1000, 1500, 2000, 2500, 3000, 3400):
        assert abs(gain_db(resample(tone(hz, in_rate), in_rate, out_rate), hz, out_rate)) < 0.1, hz


@EVERY_PAIR
def test_delay_is_what_the_resampler_says(in_rate: int, out_rate: int) -> None:
    hz = 125.0
    converted = resample(tone(hz, in_rate), in_rate, out_rate)
    measured_s = -np.angle(phasor(converted, hz, out_rate)) / (2 * math.pi * hz)
    assert measured_s == pytest.approx(Resampler(in_rate, out_rate).delay_s, abs=3e-6)


@pytest.mark.parametrize(("a", "b"), list(itertools.combinations(RATES, 2)))
def test_a_conversion_and_its_way_back_delay_less_than_5_ms(a: int, b: int) -> None:
    delay_s = Resampler(a, b).delay_s + Resampler(b, a).delay_s
    assert delay_s == pytest.approx(28 / min(a, b))
    assert delay_s < 0.005
    hz = 125.0
    there_and_back = resample(resample(tone(hz, a), a, b), b, a)
    assert -np.angle(phasor(there_and_back, hz, a)) / (2 * math.pi * hz) == pytest.approx(delay_s, abs=6e-6)


@pytest.mark.parametrize(("in_rate", "out_rate"), [(i, o) for i, o in PAIRS if i / 2 > o * 5 / 8])
def test_what_the_lower_rate_cannot_hold_stays_below_minus_70_db(in_rate: int, out_rate: int) -> None:
    # 5/8 of the lower rate: 5 kHz on the way to 8 kHz.
    for hz in np.linspace(out_rate * 5 / 8, in_rate / 2, 8, endpoint=False):
        alias = resample(tone(hz, in_rate), in_rate, out_rate)[frame_samples(out_rate) * 2 :]
        assert dbfs(alias) - dbfs(tone(hz, in_rate)) < -70, hz


@pytest.mark.parametrize(("in_rate", "out_rate"), [(i, o) for i, o in PAIRS if i < o])
def test_images_of_the_speech_band_stay_below_minus_70_db(in_rate: int, out_rate: int) -> None:
    hz = in_rate * 3 / 8
    converted = resample(tone(hz, in_rate), in_rate, out_rate)[frame_samples(out_rate) * 2 :]
    spectrum = np.abs(np.fft.rfft(converted * np.blackman(len(converted))))
    hertz = np.fft.rfftfreq(len(converted), 1 / out_rate)
    images = spectrum[hertz > in_rate / 2]
    assert 20 * math.log10(images.max() / spectrum.max()) < -70


@EVERY_PAIR
def test_first_frame_in_gives_a_whole_frame_out_with_its_sound(in_rate: int, out_rate: int) -> None:
    resampler = Resampler(in_rate, out_rate)
    frame = tone(1000, in_rate, frames=1)
    converted = resampler.process([silent_frame(in_rate)], [frame])
    assert converted.dtype == np.int16
    assert converted.shape == (1, frame_samples(out_rate))
    heard = converted[0, math.ceil(resampler.delay_s * out_rate) + 1 :]
    assert dbfs(heard) > dbfs(frame) - 1


@EVERY_PAIR
def test_constant_comes_out_constant(in_rate: int, out_rate: int) -> None:
    level = np.full(4 * frame_samples(in_rate), 32767, dtype=np.int16)
    assert set(resample(level, in_rate, out_rate)[frame_samples(out_rate) :].tolist()) == {32767}


@EVERY_PAIR
def test_full_scale_saturates_and_never_wraps(in_rate: int, out_rate: int) -> None:
    half_period = in_rate // 400
    square = np.where(np.arange(10 * frame_samples(in_rate)) // half_period % 2, -32768, 32767)
    converted = resample(square.astype(np.int16), in_rate, out_rate).astype(np.int32)
    assert converted.max() == 32767
    assert converted.min() == -32768
    # The steepest step of a band-limited square wave; a wrap would jump by twice the scale within it.
    assert np.abs(np.diff(converted)).max() < 65535


@EVERY_PAIR
def test_streams_converted_together_do_not_hear_each_other(in_rate: int, out_rate: int) -> None:
    samples = frame_samples(in_rate)
    # More than are converted at once.
    streams = np.stack([noise(2 * samples, seed) for seed in range(130)])
    before, frames = streams[:, :samples], streams[:, samples:]
    together = Resampler(in_rate, out_rate).process(list(before), list(frames))
    for number in (0, 63, 127, 128, 129):
        alone = resample(streams[number], in_rate, out_rate)[frame_samples(out_rate) :]
        # A sum may be rounded otherwise in a larger product: the last bit is free.
        assert np.abs(together[number].astype(int) - alone).max() <= 1


def test_one_frame_of_silence_outlasts_the_sound_before_it() -> None:
    for in_rate, out_rate in PAIRS:
        sound = np.concatenate(
            [noise(frame_samples(in_rate)), np.zeros(2 * frame_samples(in_rate), np.int16)]
        )
        assert not resample(sound, in_rate, out_rate)[2 * frame_samples(out_rate) :].any()


def test_results_are_not_overwritten_by_later_frames() -> None:
    resampler, silence = Resampler(8000, 24000), silent_frame(8000)
    first = resampler.process([silence], [noise(160)])
    kept = first.copy()
    Resampler(8000, 24000).process([silence], [noise(160, 2)])
    assert np.array_equal(first, kept)


def test_no_frames_give_none() -> None:
    assert Resampler(8000, 24000).process([], []).shape == (0, 480)


@pytest.mark.parametrize(
    ("before", "frames"),
    [([160], [161]), ([159], [160]), ([80], [80]), ([160], [160, 160]), ([320], [320])],
)
def test_frames_of_another_length_are_refused(before: list[int], frames: list[int]) -> None:
    with pytest.raises(FrameMismatch):
        Resampler(8000, 24000).process([noise(count) for count in before], [noise(count) for count in frames])


@pytest.mark.parametrize(("in_rate", "out_rate"), [(8000, 8000), (8000, 11025), (0, 8000)])
@pytest.mark.parametrize("kind", [Resampler, StreamResampler])
def test_rates_that_frames_cannot_have_are_refused(
    kind: type[Resampler | StreamResampler], in_rate: int, out_rate: int
) -> None:
    with pytest.raises(InternalError):
        kind(in_rate, out_rate)


@settings(deadline=None)
@given(st.sampled_from(PAIRS), st.lists(st.integers(0, 1500), min_size=1, max_size=12), st.integers(0, 99))
def test_stream_does_not_depend_on_where_it_is_cut(
    pair: tuple[int, int], sizes: list[int], seed: int
) -> None:
    pcm = noise(sum(sizes), seed)
    stream = StreamResampler(*pair)
    parts = np.split(pcm, np.cumsum(sizes)[:-1])
    cut = np.concatenate([stream.process(part) for part in parts])
    whole = StreamResampler(*pair).process(pcm)
    assert len(cut) == len(whole)
    assert not len(whole) or np.abs(cut.astype(int) - whole).max() <= 1


@EVERY_PAIR
def test_stream_of_frames_equals_frames_one_by_one(in_rate: int, out_rate: int) -> None:
    pcm = noise(4 * frame_samples(in_rate))
    stream = StreamResampler(in_rate, out_rate)
    assert stream.delay_s == Resampler(in_rate, out_rate).delay_s
    assert np.abs(stream.process(pcm).astype(int) - resample(pcm, in_rate, out_rate)).max() <= 1


ODD_PAIRS = [(11025, 8000), (22050, 8000), (32000, 44100), (8000, 11025), (44100, 8000), (12345, 48000)]


@pytest.mark.parametrize(("in_rate", "out_rate"), ODD_PAIRS)
def test_convert_keeps_level_and_place_of_the_speech_band(in_rate: int, out_rate: int) -> None:
    for hz in (300.0, 1000.0, 3000.0):
        seconds = np.arange(in_rate // 2) / in_rate
        pcm = np.rint(AMPLITUDE * np.sin(2 * np.pi * hz * seconds)).astype(np.int16)
        found = phasor(convert(pcm, in_rate, out_rate), hz, out_rate)
        assert abs(20 * math.log10(abs(found) / AMPLITUDE)) < 0.02
        assert abs(np.angle(found) / (2 * math.pi * hz)) < 2e-6


@pytest.mark.parametrize(
    ("in_rate", "out_rate"), [(i, o) for i, o in [*ODD_PAIRS, *PAIRS] if i * 0.49 > o * 0.56]
)
def test_convert_lets_nothing_through_that_the_lower_rate_cannot_hold(in_rate: int, out_rate: int) -> None:
    pcm = sine(out_rate * 0.56, 0.3, in_rate)
    middle = convert(pcm, in_rate, out_rate)[out_rate // 20 : -out_rate // 20]
    assert dbfs(middle) - dbfs(pcm) < -70


@given(st.integers(0, 3000), st.sampled_from([*ODD_PAIRS, *PAIRS, (7999, 48000), (192000, 8000)]))
@settings(deadline=None, max_examples=50)
def test_convert_gives_the_same_duration(samples: int, pair: tuple[int, int]) -> None:
    in_rate, out_rate = pair
    converted = convert(noise(samples), in_rate, out_rate)
    assert converted.dtype == np.int16
    assert abs(len(converted) - samples * out_rate / in_rate) <= 0.5


def test_convert_is_the_same_in_pieces_of_any_length() -> None:
    # More than it filters at once, with more phases than it keeps: no seam may be heard.
    seconds = np.arange(48001) / 48001
    pcm = np.rint(AMPLITUDE * np.sin(2 * np.pi * 1000 * seconds)).astype(np.int16)
    converted = convert(pcm, 48001, 48000)[1000:-1000]
    ideal = AMPLITUDE * np.sin(2 * np.pi * 1000 * np.arange(1000, 47000) / 48000)
    assert np.abs(converted - ideal).max() < 4


def test_convert_to_the_same_rate_is_a_copy() -> None:
    pcm = noise(100)
    converted = convert(pcm, 8000, 8000)
    assert np.array_equal(converted, pcm)
    assert not np.shares_memory(converted, pcm)


@pytest.mark.parametrize(("in_rate", "out_rate"), [(0, 8000), (8000, 0), (-8000, 8000)])
def test_convert_refuses_rates_that_are_not_positive(in_rate: int, out_rate: int) -> None:
    with pytest.raises(InternalError, match="convert"):
        convert(noise(10), in_rate, out_rate)
