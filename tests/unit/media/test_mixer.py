"""A mix: exact sums of the others, whoever comes, goes and is silent, in the tick in which it is said."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.media.graph import Graph, Stage
from voxruntime.media.mixer import Member, Mixer

RATE = 8000
SAMPLES = frame_samples(RATE)


def constant(value: int) -> PCM16:
    return np.full(SAMPLES, value, dtype=np.int16)


def noise(seed: int, peak: int = 32767) -> PCM16:
    return np.random.default_rng(seed).integers(-peak - 1, peak + 1, SAMPLES).astype(np.int16)


def members_of(mixer: Mixer, count: int) -> list[Member]:
    return [mixer.join() for _ in range(count)]


def tick(members: Sequence[Member], said: Sequence[PCM16 | None]) -> list[PCM16 | None]:
    """Everyone speaks, then everyone hears."""
    for member, frame in zip(members, said, strict=True):
        member.push(frame)
    return [member.pull() for member in members]


def sum_of(frames: Sequence[PCM16 | None]) -> PCM16 | None:
    """The mix by its definition."""
    spoken = [frame for frame in frames if frame is not None]
    if not spoken:
        return None
    total: PCM16 = np.clip(sum(frame.astype(np.int64) for frame in spoken), -32768, 32767).astype(np.int16)
    return total


def assert_same(heard: PCM16 | None, expected: PCM16 | None) -> None:
    if expected is None:
        assert heard is None
    else:
        assert heard is not None
        assert heard.dtype == np.int16
        assert np.array_equal(heard, expected)


def test_each_of_three_hears_the_two_others_to_the_sample() -> None:
    said = [noise(seed, 10000) for seed in range(3)]
    heard = tick(members_of(Mixer(RATE), 3), said)
    for own, frame in enumerate(heard):
        assert_same(frame, sum_of(said[:own] + said[own + 1 :]))


def test_a_hundred_at_full_scale_saturate_and_never_wrap() -> None:
    members = members_of(Mixer(RATE), 100)
    square = np.where(np.arange(SAMPLES) % 2, 32767, -32768).astype(np.int16)
    for frame in tick(members, [square] * 100):
        assert_same(frame, square)


def test_one_whom_nobody_drowns_is_exact_among_loud_ones() -> None:
    """The sum goes beyond int16 and comes back below: what was over full scale in between is not clipped."""
    members = members_of(Mixer(RATE), 4)
    heard = tick(members, [constant(32767), constant(32767), constant(-32768), constant(7)])
    assert_same(heard[0], constant(6))
    assert_same(heard[3], constant(32766))


def test_who_says_nothing_hears_all_and_a_single_speaker_nothing() -> None:
    members = members_of(Mixer(RATE), 3)
    heard = tick(members, [None, noise(1), None])
    assert_same(heard[0], noise(1))
    assert heard[1] is None
    assert_same(heard[2], noise(1))


def test_where_all_are_silent_nobody_hears_anything() -> None:
    members = members_of(Mixer(RATE), 3)
    tick(members, [noise(1), noise(2), None])
    assert tick(members, [None] * 3) == [None] * 3


def test_what_was_heard_once_is_not_heard_again() -> None:
    mixer = Mixer(RATE)
    speaker, listener = members_of(mixer, 2)
    speaker.push(constant(5))
    assert_same(listener.pull(), constant(5))
    assert [listener.pull(), listener.pull()] == [None, None]


def test_a_mix_leaves_what_was_said_unchanged() -> None:
    said = [noise(1), noise(2)]
    tick(members_of(Mixer(RATE), 2), said)
    assert np.array_equal(said[0], noise(1))
    assert np.array_equal(said[1], noise(2))


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_members_have_the_rate_of_the_mix(rate: int) -> None:
    one, other = members_of(Mixer(rate), 2)
    one.push(np.ones(frame_samples(rate), dtype=np.int16))
    heard = other.pull()
    assert one.rate == other.rate == rate
    assert heard is not None
    assert len(heard) == frame_samples(rate)


def test_of_one_who_leaves_nothing_is_heard_that_was_not_mixed() -> None:
    mixer = Mixer(RATE)
    stays, leaves, listens = members_of(mixer, 3)
    stays.push(constant(1))
    leaves.push(constant(2))
    mixer.leave(leaves)
    mixer.leave(leaves)
    assert stays.pull() is None
    assert_same(listens.pull(), constant(1))
    leaves.push(constant(2))
    assert leaves.pull() is None
    assert tick([stays, listens], [None, None]) == [None, None]


def test_one_who_leaves_between_two_who_hear_is_heard_by_both() -> None:
    mixer = Mixer(RATE)
    leaves, first, second = members_of(mixer, 3)
    leaves.push(constant(2))
    heard = first.pull()
    mixer.leave(leaves)
    assert_same(heard, constant(2))
    assert_same(second.pull(), constant(2))


def test_one_who_joins_hears_and_is_heard_with_its_first_frame() -> None:
    mixer = Mixer(RATE)
    (one,) = members_of(mixer, 1)
    one.push(constant(1))
    new = mixer.join()
    new.push(constant(2))
    assert_same(one.pull(), constant(2))
    assert_same(new.pull(), constant(1))


def test_a_member_of_one_mix_is_not_in_another() -> None:
    mine, theirs = Mixer(RATE), Mixer(RATE)
    one, other = members_of(mine, 2)
    theirs.leave(one)
    one.push(constant(1))
    assert_same(other.pull(), constant(1))


STEP = st.fixed_dictionaries(
    {
        "comes_or_goes": st.lists(st.integers(0, 5), max_size=3),
        "says": st.lists(
            st.one_of(st.none(), st.sampled_from([0, 1, -1, 32767, -32768, 20000])), min_size=6, max_size=6
        ),
        "order": st.permutations(range(6)),
    }
)


@settings(deadline=None, max_examples=100)
@given(st.lists(STEP, max_size=8))
def test_any_mix_is_the_clipped_sum_of_the_others_in_any_order(steps: list[dict[str, list[int]]]) -> None:
    mixer = Mixer(RATE)
    present: dict[int, Member] = {}
    for step in steps:
        for place in step["comes_or_goes"]:
            if place in present:
                mixer.leave(present.pop(place))
            else:
                present[place] = mixer.join()
        said = {
            place: None if step["says"][place] is None else constant(step["says"][place]) for place in present
        }
        order = [place for place in step["order"] if place in present]
        for place in order:
            present[place].push(said[place])
        for place in reversed(order):
            expected = sum_of([frame for other, frame in said.items() if other != place])
            assert_same(present[place].pull(), expected)


class Phone:
    """The far end of a call: its n-th frame is filled with what `says` makes of n."""

    def __init__(self, says: Callable[[int], int | None], rate: int = RATE) -> None:
        self.rate = rate
        self.heard: list[int | None] = []
        self._says = says
        self._count = itertools.count(1)

    def pull(self) -> PCM16 | None:
        value = self._says(next(self._count))
        return None if value is None else np.full(frame_samples(self.rate), value, dtype=np.int16)

    def push(self, frame: PCM16 | None) -> None:
        self.heard.append(None if frame is None else int(frame[-1]))


def take_part(graph: Graph, mixer: Mixer, phone: Phone) -> Member:
    member = mixer.join()
    graph.add_source(phone)
    graph.add_sink(phone)
    graph.add_sink(member, Stage.IN)
    graph.add_source(member, Stage.OUT)
    graph.connect(phone, member)
    graph.connect(member, phone)
    return member


def test_in_the_graph_callers_hear_each_other_in_the_tick_in_which_they_speak() -> None:
    graph, mixer = Graph(), Mixer(RATE)
    phones = [Phone(lambda n: n), Phone(lambda n: 100 * n), Phone(lambda n: None)]
    for phone in phones:
        take_part(graph, mixer, phone)
    for _ in range(3):
        graph.tick()
    assert [phone.heard for phone in phones] == [[100, 200, 300], [1, 2, 3], [101, 202, 303]]


def test_in_the_graph_members_come_and_go_between_and_during_ticks() -> None:
    graph, mixer = Graph(), Mixer(RATE)
    stays, goes, comes = Phone(lambda n: n), Phone(lambda n: 100 * n), Phone(lambda n: 1000 * n)
    take_part(graph, mixer, stays)
    going = take_part(graph, mixer, goes)
    graph.tick()
    graph.take_in()
    mixer.leave(going)
    graph.remove(going)
    take_part(graph, mixer, comes)
    graph.give_out()
    graph.tick()
    assert stays.heard == [100, None, 1000]
    assert goes.heard == [1, None, None]
    assert comes.heard == [3]


def test_in_the_graph_members_of_other_rates_are_converted() -> None:
    graph, mixer = Graph(), Mixer(16000)
    narrow, wide = Phone(lambda n: 8000, 8000), Phone(lambda n: None, 48000)
    take_part(graph, mixer, narrow)
    take_part(graph, mixer, wide)
    for _ in range(5):
        graph.tick()
    assert wide.heard[-1] == pytest.approx(8000, abs=40)
    assert narrow.heard == [None] * 5


def test_a_provider_in_the_mix_is_heard_one_tick_later() -> None:
    graph, mixer = Graph(), Mixer(RATE)
    caller, provider = Phone(lambda n: None), Phone(lambda n: n)
    take_part(graph, mixer, caller)
    member = mixer.join()
    graph.add_source(provider, Stage.OUT)
    graph.add_sink(member, Stage.IN)
    graph.connect(provider, member)
    for _ in range(4):
        graph.tick()
    assert caller.heard == [None, 1, 2, 3]
