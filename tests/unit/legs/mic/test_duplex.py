from __future__ import annotations

import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.audio.tones import sine
from voxruntime.legs.mic.duplex import AUDIBLE_DBFS, HOLD_S, HalfDuplex

LATENCY_S = 0.08
HOLD_FRAMES = round((HOLD_S + LATENCY_S) / 0.02 + 0.5)


def frame(level_dbfs: float) -> PCM16:
    return sine(400.0, 0.02, 48000, level_dbfs=level_dbfs)


def frames_until_open(gate: HalfDuplex) -> int:
    for count in range(1000):
        if not gate.is_shut:
            return count
        gate.hear(None, 0)
    raise AssertionError("it stays shut")


def test_open_until_the_agent_is_heard() -> None:
    gate = HalfDuplex(LATENCY_S)
    gate.hear(None, 0)
    gate.hear(frame(AUDIBLE_DBFS - 3), 0)
    assert not gate.is_shut
    gate.hear(frame(AUDIBLE_DBFS + 3), 0)
    assert gate.is_shut


@pytest.mark.parametrize("queued_frames", [0, 7])
def test_shut_for_250_ms_after_the_last_sound_has_gone_through_devices_and_queues(queued_frames: int) -> None:
    gate = HalfDuplex(LATENCY_S)
    for _ in range(100):
        gate.hear(frame(-20), queued_frames)
    assert frames_until_open(gate) == HOLD_FRAMES + queued_frames


def test_pauses_between_words_do_not_open_it() -> None:
    gate = HalfDuplex(LATENCY_S)
    for _ in range(5):
        gate.hear(frame(-20), 0)
        for _ in range(HOLD_FRAMES - 1):
            gate.hear(None, 0)
            assert gate.is_shut
