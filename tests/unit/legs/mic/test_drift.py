from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from voxruntime.audio.pcm import PCM16
from voxruntime.legs.mic.drift import MAX_SPARE_FRAMES, WINDOW_TICKS, Intake, Outlet, Stall, is_quiet
from voxruntime.legs.mic.ring import SampleRing

SAMPLES = 40
LOUD, QUIET = 8000, 1


def ring() -> SampleRing:
    return SampleRing(100 * SAMPLES)


def frame(value: int) -> PCM16:
    return np.full(SAMPLES, value, dtype=np.int16)


def fetch(source: SampleRing) -> int:
    """One callback of a loudspeaker: the value it plays, 0 where nothing is there."""
    block = np.zeros(SAMPLES, dtype=np.int16)
    source.read_into(block)
    return int(block[-1])


def deliver(target: SampleRing, intake: Intake, value: int, callbacks: int = 1) -> PCM16 | None:
    """One tick, before which the microphone brought so many frames."""
    for _ in range(callbacks):
        target.write(frame(value))
    return intake.pull(is_unheard=False)


def loud_values() -> Iterator[int]:
    """Frames that differ and are all loud."""
    value = LOUD
    while True:
        yield value
        value += 1


class TestIntake:
    def test_begins_with_what_is_said_now(self) -> None:
        source = ring()
        source.write(np.full(40 * SAMPLES, LOUD, dtype=np.int16))
        intake = Intake(source, SAMPLES)
        assert intake.pull(is_unheard=False) is None
        assert source.waiting == 0

    def test_lets_one_frame_wait_then_passes_all_in_order(self) -> None:
        source, values = ring(), loud_values()
        intake = Intake(source, SAMPLES)
        intake.pull(is_unheard=False)
        said = [deliver(source, intake, next(values)) for _ in range(200)]
        assert said[0] is None
        assert [int(out[-1]) for out in said[1:] if out is not None] == list(range(LOUD, LOUD + 199))
        assert intake.inserted_frames == 2
        assert intake.dropped_frames == 0

    def test_speech_uses_up_the_waiting_frame_before_silence_is_put_in(self) -> None:
        source = ring()
        intake = Intake(source, SAMPLES)
        for _ in range(4):
            deliver(source, intake, LOUD)
        before = intake.inserted_frames
        assert deliver(source, intake, LOUD, callbacks=0) is not None
        assert deliver(source, intake, LOUD) is not None
        assert deliver(source, intake, LOUD, callbacks=0) is None
        assert intake.inserted_frames == before + 1

    def test_the_waiting_frame_comes_back_in_silence(self) -> None:
        source = ring()
        intake = Intake(source, SAMPLES)
        for _ in range(4):
            deliver(source, intake, QUIET)
        assert deliver(source, intake, QUIET, callbacks=0) is None
        assert source.waiting == SAMPLES

    def test_a_fast_device_loses_frames_in_silence_only(self) -> None:
        source = ring()
        intake = Intake(source, SAMPLES)
        for tick in range(20 * WINDOW_TICKS):
            deliver(source, intake, LOUD, callbacks=2 if tick % WINDOW_TICKS == 0 else 1)
        assert intake.dropped_frames == 0
        assert source.waiting >= 19 * SAMPLES
        for _ in range(3 * WINDOW_TICKS):
            deliver(source, intake, QUIET)
        assert intake.dropped_frames >= 18
        assert SAMPLES <= source.waiting < 2 * SAMPLES

    def test_far_too_much_is_left_out_at_once(self) -> None:
        source = ring()
        intake = Intake(source, SAMPLES)
        deliver(source, intake, LOUD)
        deliver(source, intake, LOUD, callbacks=MAX_SPARE_FRAMES + 5)
        for _ in range(WINDOW_TICKS):
            deliver(source, intake, LOUD)
        assert source.waiting == SAMPLES

    def test_what_nobody_hears_counts_as_silence(self) -> None:
        source = ring()
        intake = Intake(source, SAMPLES)
        deliver(source, intake, LOUD)
        deliver(source, intake, LOUD, callbacks=6)
        for _ in range(2 * WINDOW_TICKS):
            source.write(frame(LOUD))
            intake.pull(is_unheard=True)
        assert source.waiting == SAMPLES


class TestOutlet:
    def test_puts_one_frame_of_silence_ahead_and_passes_all_in_order(self) -> None:
        target, values = ring(), loud_values()
        outlet = Outlet(target, SAMPLES)
        fetch(target)
        played = []
        for _ in range(200):
            outlet.push(frame(next(values)))
            played.append(fetch(target))
        assert played == [0, *range(LOUD, LOUD + 199)]
        assert outlet.inserted_frames == 1
        assert outlet.dropped_frames == 0

    def test_none_is_silence(self) -> None:
        target = ring()
        outlet = Outlet(target, SAMPLES)
        outlet.push(None)
        assert target.waiting == 2 * SAMPLES
        assert fetch(target) == fetch(target) == 0

    def test_a_device_that_ran_dry_gets_a_frame_of_silence_ahead(self) -> None:
        target = ring()
        outlet = Outlet(target, SAMPLES)
        outlet.push(frame(LOUD))
        for _ in range(3):
            fetch(target)
        outlet.push(frame(LOUD))
        assert [fetch(target), fetch(target)] == [0, LOUD]

    def test_a_slow_device_loses_frames_in_silence_only(self) -> None:
        target = ring()
        outlet = Outlet(target, SAMPLES)
        for tick in range(20 * WINDOW_TICKS):
            outlet.push(frame(LOUD))
            if tick % WINDOW_TICKS:
                fetch(target)
        assert outlet.dropped_frames == 0
        waiting = target.waiting
        assert waiting >= 19 * SAMPLES
        for _ in range(3 * WINDOW_TICKS):
            outlet.push(None)
            fetch(target)
        assert outlet.dropped_frames >= 18
        assert SAMPLES <= target.waiting < 2 * SAMPLES


CALLED_S = 200
FRAME = 160


def tone(start: int, samples: int) -> PCM16:
    return np.rint(16_000 * np.sin(2 * np.pi * 997 * (start + np.arange(samples)) / 8000)).astype(np.int16)


def worst_residue_db(sound: PCM16) -> float:
    """What is left beside the tone in the worst 200 ms, the pitch taken as it is there."""
    samples = np.arange(1600)
    pieces = sound[: len(sound) // 1600 * 1600].reshape(-1, 1600).T.astype(float)
    # A notch that is as wide as the two clocks may be apart.
    angles = [2 * np.pi * 997 / 8000 * (1 + ppm * 1e-6) * samples for ppm in range(-400, 401, 200)]
    waves, _ = np.linalg.qr(np.stack([wave(angle) for angle in angles for wave in (np.sin, np.cos)], axis=1))
    fitted = waves @ (waves.T @ pieces)
    return float(20 * np.log10(np.max(np.std(pieces - fitted, axis=0) / np.std(fitted, axis=0))))


@pytest.mark.parametrize("ppm", [200, -200])
class TestTwoClocks:
    """A call with a device that is 200 ppm off, a tone from end to end: never quiet, so nothing may be left out."""

    def test_a_microphone(self, ppm: int) -> None:
        source = SampleRing(8000)
        intake, taken, heard = Intake(source, FRAME), 0, []
        for tick in range(CALLED_S * 50):
            while (taken + 80) / (8000 * (1 + ppm * 1e-6)) <= tick * 0.02 + 0.003:
                source.write(tone(taken, 80))
                taken += 80
            frame = intake.pull(is_unheard=False)
            heard.append(np.zeros(FRAME, dtype=np.int16) if frame is None else frame)
        assert intake.inserted_frames == 2
        assert intake.dropped_frames == 0
        assert worst_residue_db(np.concatenate(heard[50:])) < -60

    def test_a_loudspeaker(self, ppm: int) -> None:
        target = SampleRing(8000)
        outlet, played, heard = Outlet(target, FRAME), 0, []
        for tick in range(CALLED_S * 50):
            outlet.push(tone(tick * FRAME, FRAME))
            while (played + 80) / (8000 * (1 + ppm * 1e-6)) <= tick * 0.02 + 0.003:
                block = np.zeros(80, dtype=np.int16)
                target.read_into(block)
                heard.append(block)
                played += 80
        assert outlet.inserted_frames <= 1
        assert outlet.dropped_frames == 0
        assert worst_residue_db(np.concatenate(heard[100:])) < -60


class TestStall:
    def test_lasts_too_long_after_a_second_of_ticks_without_a_sample(self) -> None:
        stall = Stall()
        assert not stall.has_lasted(960)
        assert [stall.has_lasted(960) for _ in range(50)] == [False] * 49 + [True]

    def test_a_single_sample_ends_it(self) -> None:
        stall = Stall()
        for moved in (1, 2):
            assert not any(stall.has_lasted(moved) for _ in range(50))


@pytest.mark.parametrize(("sound", "expected"), [(None, True), (frame(QUIET), True), (frame(LOUD), False)])
def test_quiet_is_silence_or_nearly(sound: PCM16 | None, expected: bool) -> None:
    assert is_quiet(sound) is expected
