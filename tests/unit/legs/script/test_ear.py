"""When the agent speaks: levels, clicks, pauses between words, and what counts as an answer."""

from __future__ import annotations

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.audio.tones import sine
from voxruntime.legs.script.ear import CARRIED_FRAMES, HOLD_FRAMES, ONSET_FRAMES, AgentEar

THRESHOLD_DBFS = -45.0


def frame(level_dbfs: float) -> PCM16:
    return sine(400.0, 0.02, 8000, level_dbfs=level_dbfs)


LOUD = frame(-20.0)


def hear(ear: AgentEar, count: int, heard: PCM16 | None) -> None:
    for _ in range(count):
        ear.push(heard)


def test_speech_is_heard_with_its_second_loud_frame() -> None:
    ear = AgentEar(THRESHOLD_DBFS)

    hear(ear, ONSET_FRAMES - 1, LOUD)
    assert not ear.has_spoken
    hear(ear, 1, LOUD)

    assert ear.has_spoken
    assert ear.quiet_frames == 0


def test_single_loud_frames_are_clicks() -> None:
    ear = AgentEar(THRESHOLD_DBFS)

    for _ in range(20):
        hear(ear, 1, LOUD)
        hear(ear, 1, None)

    assert not ear.has_spoken
    assert ear.quiet_frames == 20


@pytest.mark.parametrize(("level_dbfs", "is_speech"), [(-44.0, True), (-46.0, False)])
def test_the_threshold_decides_what_is_speech(level_dbfs: float, is_speech: bool) -> None:
    ear = AgentEar(THRESHOLD_DBFS)

    hear(ear, 10, frame(level_dbfs))

    assert ear.has_spoken is is_speech


@pytest.mark.parametrize(("level_dbfs", "quiet_frames"), [(-49.0, 0), (-53.0, 5)])
def test_speech_may_fall_a_little_below_the_threshold_without_ending(
    level_dbfs: float, quiet_frames: int
) -> None:
    ear = AgentEar(THRESHOLD_DBFS)
    hear(ear, 10, LOUD)

    hear(ear, 5, frame(level_dbfs))

    assert ear.quiet_frames == quiet_frames


def test_silence_is_counted_from_the_last_sound() -> None:
    ear = AgentEar(THRESHOLD_DBFS)
    hear(ear, 7, None)
    assert ear.quiet_frames == 7
    hear(ear, 10, LOUD)

    hear(ear, 5, np.zeros(160, dtype=np.int16))

    assert ear.quiet_frames == 5
    assert ear.has_spoken


def test_what_was_said_before_the_far_ends_own_sound_is_no_answer_to_it() -> None:
    ear = AgentEar(THRESHOLD_DBFS)
    hear(ear, 10, LOUD)
    hear(ear, HOLD_FRAMES, None)

    ear.mark()

    assert not ear.has_spoken
    hear(ear, ONSET_FRAMES, LOUD)
    assert ear.has_spoken


def test_the_rest_of_an_interrupted_sentence_is_no_answer() -> None:
    ear = AgentEar(THRESHOLD_DBFS)
    hear(ear, 10, LOUD)

    ear.mark()
    hear(ear, CARRIED_FRAMES - 1, LOUD)
    hear(ear, HOLD_FRAMES, None)

    assert not ear.has_spoken
    hear(ear, ONSET_FRAMES, LOUD)
    assert ear.has_spoken


def test_a_sentence_that_is_not_interrupted_counts_in_the_end() -> None:
    ear = AgentEar(THRESHOLD_DBFS)
    hear(ear, 10, LOUD)

    ear.mark()
    hear(ear, 10, LOUD)
    hear(ear, HOLD_FRAMES - 1, None)
    hear(ear, CARRIED_FRAMES - 10, LOUD)

    assert ear.has_spoken


def test_what_was_dealt_with_is_forgotten_once() -> None:
    ear = AgentEar(THRESHOLD_DBFS)
    hear(ear, 10, LOUD)
    hear(ear, HOLD_FRAMES, None)

    ear.forget()

    assert not ear.has_spoken
    hear(ear, ONSET_FRAMES, LOUD)
    assert ear.has_spoken
