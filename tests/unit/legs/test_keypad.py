"""Pressed digits: their tones, their events, and what cannot be pressed."""

from __future__ import annotations

import numpy as np
import pytest

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import RATES, frame_samples
from voxruntime.errors import ConfigError
from voxruntime.legs.keypad import Keypad


def keypad(rate: int = 8000) -> tuple[Keypad, list[str]]:
    digits: list[str] = []
    return Keypad(rate, digits.append), digits


@pytest.mark.parametrize("rate", RATES)
def test_a_digit_is_five_frames_of_tone_and_three_of_gap(rate: int) -> None:
    pressed, digits = keypad(rate)
    pressed.press("5")

    frames = [pressed.pull() for _ in range(9)]

    assert digits == ["5"]
    levels = [dbfs(frame) for frame in frames if frame is not None]
    assert [level > -20 for level in levels] == [True] * 5 + [False] * 3
    assert frames[8] is None
    assert all(frame.shape == (frame_samples(rate),) for frame in frames if frame is not None)


def test_digits_follow_each_other_and_are_told_as_their_tones_begin() -> None:
    pressed, digits = keypad()
    pressed.press("1#")
    pressed.press("*")

    told = []
    for _ in range(24):
        assert pressed.pull() is not None
        told.append("".join(digits))

    assert told == ["1"] * 8 + ["1#"] * 8 + ["1#*"] * 8
    assert pressed.is_idle
    assert pressed.pull() is None


def test_a_tone_has_the_two_frequencies_of_its_key() -> None:
    pressed, _ = keypad()
    pressed.press("6")

    tone = np.concatenate([frame for frame in (pressed.pull() for _ in range(5)) if frame is not None])

    spectrum = np.abs(np.fft.rfft(tone * np.hanning(len(tone)), 8000))
    low = int(np.argmax(spectrum[600:1000])) + 600
    high = int(np.argmax(spectrum[1100:1700])) + 1100
    assert (abs(low - 770) <= 5, abs(high - 1477) <= 5) == (True, True)


def test_a_keypad_is_idle_until_something_is_pressed() -> None:
    pressed, _ = keypad()
    assert pressed.is_idle

    pressed.press("1")

    assert not pressed.is_idle


@pytest.mark.parametrize("digits", ["", "12a", "1 2", "+7", "１"])
def test_only_digits_star_and_hash_can_be_pressed(digits: str) -> None:
    pressed, told = keypad()

    with pytest.raises(ConfigError, match="expected digits 0-9"):
        pressed.press(digits)

    assert pressed.is_idle
    assert told == []
