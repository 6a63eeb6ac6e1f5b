"""Contract of emulator/brain/input_audio.py."""

from __future__ import annotations

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.emulator.brain.input_audio import MAX_BUFFER_MS, InputAudio
from voxruntime.emulator.brain.rejected import Code, Rejected


def ramp(start: int, samples: int) -> PCM16:
    return np.arange(start, start + samples, dtype=np.int16)


def filled(chunks: int = 10) -> InputAudio:
    audio = InputAudio(8000)
    for number in range(chunks):
        audio.append(ramp(number * 160, 160))
    return audio


def test_position_counts_from_the_first_sample() -> None:
    audio = filled()
    assert (audio.position_ms, audio.duration_ms) == (200.0, 200.0)
    audio.take_all()
    assert (audio.position_ms, audio.duration_ms) == (200.0, 0.0)


def test_take_returns_what_lies_between_two_positions() -> None:
    audio = filled()
    assert audio.take(50, 120).tolist() == ramp(400, 560).tolist()
    assert audio.duration_ms == 80.0
    assert audio.take(120, 200).tolist() == ramp(960, 640).tolist()


def test_take_gives_what_there_is() -> None:
    audio = filled()
    audio.take(0, 100)
    assert audio.take(50, 500).tolist() == ramp(800, 800).tolist()
    assert audio.take(10, 20).tolist() == []


def test_keep_last_forgets_whole_chunks() -> None:
    audio = filled()
    audio.keep_last(50)
    assert (audio.duration_ms, audio.position_ms) == (60.0, 200.0)
    assert audio.take(0, 200).tolist() == ramp(1120, 480).tolist()


def test_full_buffer_takes_no_more_and_keeps_what_it_has() -> None:
    audio = InputAudio(8000)
    audio.append(np.zeros(MAX_BUFFER_MS * 8, dtype=np.int16))
    with pytest.raises(Rejected) as caught:
        audio.append(ramp(0, 1))
    assert caught.value.code is Code.BUFFER_FULL
    assert audio.duration_ms == MAX_BUFFER_MS


@pytest.mark.parametrize("rate", [16000, 44100])
def test_new_rate_keeps_time_and_sound(rate: int) -> None:
    tone = np.rint(8000 * np.sin(np.arange(1600) * 2 * np.pi * 440 / 8000)).astype(np.int16)
    audio = InputAudio(8000)
    audio.append(tone)
    audio.change_rate(rate)
    assert (audio.rate, audio.position_ms, audio.duration_ms) == (rate, 200.0, 200.0)
    audio.append(np.zeros(rate // 10, dtype=np.int16))
    assert audio.position_ms == 300.0
    taken = audio.take(0, 200)
    assert len(taken) == rate // 5
    assert np.abs(taken).max() == pytest.approx(8000, rel=0.1)
    assert not audio.take_all().any()


def test_same_rate_changes_nothing() -> None:
    audio = filled()
    audio.change_rate(8000)
    assert audio.take_all().tolist() == ramp(0, 1600).tolist()
