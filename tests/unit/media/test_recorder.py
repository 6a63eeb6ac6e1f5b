import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.audio.pcm import RATES, decode, frame_samples
from voxruntime.errors import FrameMismatch
from voxruntime.media.recorder import Recorder


def level(value: int, rate: int = 8000) -> np.ndarray:
    return np.full(frame_samples(rate), value, dtype=np.int16)


@pytest.mark.parametrize("rate", RATES)
def test_stereo_has_the_far_end_left_and_what_it_hears_right(rate: int) -> None:
    recorder = Recorder(rate, is_stereo=True)
    recorder.observe(level(100, rate), level(-7, rate))
    pcm = decode(recorder.drain()).reshape(-1, 2)
    assert len(pcm) == frame_samples(rate)
    assert set(pcm[:, 0].tolist()) == {100}
    assert set(pcm[:, 1].tolist()) == {-7}


def test_mixed_recording_is_the_sum_and_saturates() -> None:
    recorder = Recorder(8000, is_stereo=False)
    recorder.observe(level(100), level(-7))
    recorder.observe(level(30000), level(30000))
    assert decode(recorder.drain()).tolist() == [93] * 160 + [32767] * 160


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20), st.booleans(), st.integers(1, 20))
def test_every_tick_is_20_ms_of_recording_whenever_it_is_drained(
    ticks: list[tuple[bool, bool]], is_stereo: bool, drain_each: int
) -> None:
    recorder = Recorder(8000, is_stereo=is_stereo)
    written = b""
    for number, (from_sounds, to_sounds) in enumerate(ticks, start=1):
        recorder.observe(level(number) if from_sounds else None, level(-100) if to_sounds else None)
        if number % drain_each == 0:
            written += recorder.drain()
    pcm = decode(written + recorder.drain()).reshape(len(ticks), 160, 2 if is_stereo else 1)
    for number, (from_sounds, to_sounds) in enumerate(ticks, start=1):
        left, right = number * from_sounds, -100 * to_sounds
        wanted = [left, right] if is_stereo else [left + right]
        assert (pcm[number - 1] == wanted).all()
    assert recorder.recorded_s == pytest.approx(len(ticks) * 0.02)


def test_drain_hands_over_once() -> None:
    recorder = Recorder(8000, is_stereo=True)
    assert recorder.drain() == b""
    recorder.observe(None, None)
    assert recorder.drain() == bytes(640)
    assert recorder.drain() == b""


def test_frames_may_be_reused_after_the_tick() -> None:
    recorder = Recorder(8000, is_stereo=True)
    frame = level(5)
    recorder.observe(frame, None)
    frame[:] = 9
    assert set(decode(recorder.drain())[::2].tolist()) == {5}


def test_ticks_that_no_one_drains_are_left_out_and_counted() -> None:
    recorder = Recorder(8000, is_stereo=False, limit_s=0.04)
    for value in (1, 2, 3):
        recorder.observe(level(value), None)
    assert (recorder.recorded_s, recorder.dropped_s) == (0.04, 0.02)
    assert decode(recorder.drain()).tolist() == [1] * 160 + [2] * 160
    recorder.observe(level(4), None)
    assert decode(recorder.drain()).tolist() == [4] * 160


@pytest.mark.parametrize("frames", [(161, 160), (160, 480)])
def test_frames_of_another_rate_are_refused(frames: tuple[int, int]) -> None:
    recorder = Recorder(8000, is_stereo=True)
    with pytest.raises(FrameMismatch):
        recorder.observe(*(np.zeros(samples, dtype=np.int16) for samples in frames))
