"""A stream that was late once does not stay late, and nothing that is to be heard is left out."""

from __future__ import annotations

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.media.playout import Playout
from voxruntime.media.spare import WINDOW_FRAMES

RATE = 24000
SAMPLES = RATE // 50
SILENCE = np.zeros(SAMPLES, dtype=np.int16)
SOUND = np.full(SAMPLES, 9000, dtype=np.int16)


def feed(playout: Playout, pcm: PCM16) -> None:
    playout.feed("item", 0, "response", pcm)


def play_live(playout: Playout, frames: int, pcm: PCM16) -> list[PCM16 | None]:
    """Feeds and pulls in real time."""
    heard = []
    for _ in range(frames):
        feed(playout, pcm)
        heard.append(playout.pull())
    return heard


@pytest.mark.parametrize("late_frames", [1, 3])
def test_delay_that_a_live_stream_has_picked_up_goes_in_silence(late_frames: int) -> None:
    playout = Playout(RATE)
    for _ in range(late_frames):
        feed(playout, SILENCE)
    play_live(playout, 3 * WINDOW_FRAMES, SILENCE)
    assert playout.queued_s == 0
    assert playout.counters().spare_s == pytest.approx(late_frames * 0.02)


def test_sound_is_never_left_out() -> None:
    playout = Playout(RATE)
    feed(playout, SOUND)
    assert all(frame is not None for frame in play_live(playout, 5 * WINDOW_FRAMES, SOUND))
    assert playout.counters().spare_s == 0
    play_live(playout, 3, SILENCE)
    assert playout.counters().spare_s == pytest.approx(0.02)


def test_pauses_of_a_provider_that_speaks_faster_than_it_is_heard_are_kept() -> None:
    playout = Playout(RATE)
    for _ in range(WINDOW_FRAMES):
        feed(playout, SILENCE)
    heard = [playout.pull() for _ in range(20)]
    for _ in range(4 * WINDOW_FRAMES):
        feed(playout, SOUND)
        feed(playout, SILENCE)
        heard.append(playout.pull())
    while playout.queued_s:
        heard.append(playout.pull())
    assert len(heard) == 9 * WINDOW_FRAMES
    assert playout.counters().spare_s == 0


def test_jitter_that_uses_the_reserve_keeps_it() -> None:
    playout = Playout(RATE)
    feed(playout, SILENCE)
    for _ in range(4 * WINDOW_FRAMES):
        feed(playout, SILENCE)
        playout.pull()
        playout.pull()
        feed(playout, SILENCE)
    assert playout.counters().spare_s == 0


def test_position_counts_what_was_left_out() -> None:
    playout = Playout(RATE)
    feed(playout, SILENCE)
    play_live(playout, 2 * WINDOW_FRAMES, SILENCE)
    assert playout.counters().spare_s == pytest.approx(0.02)
    assert playout.heard_ms("item") == (2 * WINDOW_FRAMES + 1) * 20
