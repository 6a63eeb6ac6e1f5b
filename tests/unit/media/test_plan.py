"""Streams between rates. Ports here play and keep whole stretches, so that what arrives can be compared."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxruntime.audio.pcm import PCM16, RATES, frame_samples, silent_frame
from voxruntime.audio.resample import Resampler
from voxruntime.media.graph import Graph


class Tape:
    """Plays its frames, then silence."""

    def __init__(self, rate: int, frames: list[PCM16 | None]) -> None:
        self.rate = rate
        self._frames = list(frames)

    def switch(self, rate: int, frames: list[PCM16 | None]) -> None:
        """Goes on with frames of another rate."""
        self.rate = rate
        self._frames = list(frames)

    def pull(self) -> PCM16 | None:
        return self._frames.pop(0) if self._frames else None


class Keeper:
    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.frames: list[PCM16 | None] = []

    def push(self, frame: PCM16 | None) -> None:
        self.frames.append(frame)


def noise(rate: int, frames: int, seed: int = 1) -> list[PCM16 | None]:
    random = np.random.default_rng(seed)
    return list(random.integers(-9000, 9000, (frames, frame_samples(rate))).astype(np.int16))


def alone(frames: list[PCM16 | None], in_rate: int, out_rate: int) -> list[PCM16]:
    """What one stream gives on its own."""
    resampler, silence = Resampler(in_rate, out_rate), silent_frame(in_rate)
    said = [silence, *(silence if frame is None else frame for frame in frames)]
    return [resampler.process([before], [frame])[0] for before, frame in pairwise(said)]


def assert_same(heard: list[PCM16 | None], expected: list[PCM16]) -> None:
    """Equal but for the last bit, which a larger matrix product may round otherwise; None is silence."""
    assert len(heard) == len(expected)
    for frame, wanted in zip(heard, expected, strict=True):
        difference = wanted.astype(int) if frame is None else frame.astype(int) - wanted
        assert np.abs(difference).max() <= 1


def joined(*ports: tuple[Tape, Keeper]) -> Graph:
    graph = Graph()
    for tape, keeper in ports:
        graph.add_source(tape)
        graph.add_sink(keeper)
        graph.connect(tape, keeper)
    return graph


def test_frames_of_equal_rates_pass_untouched() -> None:
    frames = noise(16000, 3)
    keeper = Keeper(16000)
    graph = joined((Tape(16000, frames), keeper))
    for _ in range(3):
        graph.tick()
    assert all(kept is frame for kept, frame in zip(keeper.frames, frames, strict=True))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(RATES), st.sampled_from(RATES), st.lists(st.booleans(), min_size=8, max_size=8)
        ),
        min_size=1,
        max_size=10,
    )
)
def test_streams_of_any_rates_together_give_what_each_gives_alone(
    streams: list[tuple[int, int, list[bool]]],
) -> None:
    pairs = []
    expected = []
    for seed, (in_rate, out_rate, sounds) in enumerate(streams):
        frames = [
            frame if is_sound else None
            for frame, is_sound in zip(noise(in_rate, 8, seed), sounds, strict=True)
        ]
        pairs.append((Tape(in_rate, frames), Keeper(out_rate)))
        expected.append(frames if in_rate == out_rate else alone(frames, in_rate, out_rate))
    graph = joined(*pairs)
    for _ in range(8):
        graph.tick()
    for (_, keeper), wanted in zip(pairs, expected, strict=True):
        silence = np.zeros(frame_samples(keeper.rate), dtype=np.int16)
        assert_same(keeper.frames, [silence if frame is None else frame for frame in wanted])


def test_silence_costs_no_frames_once_the_sound_before_it_has_died_away() -> None:
    keeper = Keeper(24000)
    graph = joined((Tape(8000, [None, *noise(8000, 1)]), keeper))
    for _ in range(5):
        graph.tick()
    assert [frame is None for frame in keeper.frames] == [True, False, False, True, True]


def test_streams_fall_silent_and_sound_again_each_on_its_own() -> None:
    played: list[list[PCM16 | None]] = []
    for seed in range(4):
        sounds = noise(8000, 12, seed)
        played.append([frame if tick // (seed + 1) % 2 else None for tick, frame in enumerate(sounds)])
    pairs = [(Tape(8000, frames), Keeper(24000)) for frames in played]
    graph = joined(*pairs)
    for _ in range(12):
        graph.tick()
    for frames, (_, keeper) in zip(played, pairs, strict=True):
        assert_same(keeper.frames, alone(frames, 8000, 24000))


def test_new_stream_does_not_hear_the_end_of_the_one_it_replaced() -> None:
    loud, quiet, keeper = Tape(8000, noise(8000, 1)), Tape(8000, []), Keeper(24000)
    graph = joined((loud, keeper))
    graph.add_source(quiet)
    graph.tick()
    graph.connect(quiet, keeper)
    graph.tick()
    assert keeper.frames[1] is None


def test_stream_made_again_begins_with_silence() -> None:
    tape, keeper = Tape(8000, [*noise(8000, 1), np.zeros(160, dtype=np.int16)]), Keeper(24000)
    graph = joined((tape, keeper))
    graph.tick()
    graph.disconnect(tape, keeper)
    graph.connect(tape, keeper)
    graph.tick()
    assert keeper.frames[1] is not None
    assert not keeper.frames[1].any()


def test_streams_that_stay_go_on_without_a_seam_while_others_come_and_go() -> None:
    frames = noise(8000, 30)
    keeper = Keeper(24000)
    graph = joined((Tape(8000, frames), keeper))
    for seed in range(10):
        pair = (Tape(8000, noise(8000, 3, seed)), Keeper(24000))
        graph.add_source(pair[0])
        graph.add_sink(pair[1])
        graph.connect(*pair)
        graph.tick()
        graph.tick()
        graph.remove(pair[seed % 2])
        graph.tick()
    assert_same(keeper.frames, alone(frames, 8000, 24000))


def test_source_may_change_its_rate_between_frames() -> None:
    tape, keeper, direct = Tape(24000, noise(24000, 2)), Keeper(8000), Keeper(24000)
    graph = joined((tape, keeper))
    graph.add_sink(direct)
    graph.connect(tape, direct)
    for _ in range(2):
        graph.tick()
    later = noise(16000, 2, 5)
    tape.switch(16000, later)
    for _ in range(2):
        graph.tick()
    assert_same(keeper.frames[:2], alone(noise(24000, 2), 24000, 8000))
    assert_same(keeper.frames[2:], alone(later, 16000, 8000))
    assert_same(direct.frames[2:], alone(later, 16000, 24000))


def test_a_stream_goes_on_without_a_seam_while_another_changes_its_rate() -> None:
    frames, tape, keeper = noise(8000, 4), Tape(24000, noise(24000, 2)), Keeper(24000)
    graph = joined((Tape(8000, frames), keeper), (tape, Keeper(8000)))
    for _ in range(2):
        graph.tick()
    tape.switch(16000, noise(16000, 2))
    for _ in range(2):
        graph.tick()
    assert_same(keeper.frames, alone(frames, 8000, 24000))


def test_silence_after_a_change_of_rate_holds_no_sound_from_before() -> None:
    tape, keeper = Tape(24000, noise(24000, 1)), Keeper(8000)
    graph = joined((tape, keeper))
    graph.tick()
    tape.switch(16000, [])
    graph.tick()
    assert keeper.frames[1] is None


def test_streams_that_come_and_go_take_no_more_memory() -> None:
    tape, keeper = Tape(8000, []), Keeper(24000)
    graph = joined((tape, keeper))

    def come_and_go(times: int) -> int:
        for _ in range(times):
            graph.disconnect(tape, keeper)
            graph.connect(tape, keeper)
            graph.tick()
        keeper.frames.clear()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = come_and_go(10)
        assert come_and_go(300) - before < 10_000
    finally:
        tracemalloc.stop()


def test_sink_may_change_its_rate_between_ticks() -> None:
    frames = noise(8000, 4)
    tape, keeper = Tape(8000, frames), Keeper(24000)
    graph = joined((tape, keeper))
    graph.tick()
    keeper.rate = 8000
    graph.tick()
    keeper.rate = 44100
    graph.tick()
    assert [len(frame) for frame in keeper.frames if frame is not None] == [480, 160, 882]
    assert keeper.frames[1] is frames[1]


@pytest.mark.parametrize("streams", [1, 64, 130])
def test_many_streams_of_one_conversion_each_get_their_own(streams: int) -> None:
    pairs = [(Tape(24000, noise(24000, 2, seed)), Keeper(8000)) for seed in range(streams)]
    graph = joined(*pairs)
    graph.tick()
    graph.tick()
    for seed in (0, streams // 2, streams - 1):
        assert_same(pairs[seed][1].frames, alone(noise(24000, 2, seed), 24000, 8000))
