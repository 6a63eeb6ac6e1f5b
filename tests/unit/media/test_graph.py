import gc
import weakref
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.audio.resample import Resampler
from voxruntime.errors import FrameMismatch, InternalError
from voxruntime.media.graph import Graph, Stage


class Speaker:
    """A source that counts: its n-th frame holds n everywhere. `hush` makes the next frames None."""

    def __init__(self, rate: int = 8000, *, on_pull: Callable[[], None] = lambda: None) -> None:
        self.rate = rate
        self.pulled = 0
        self.quiet_frames = 0
        self._on_pull = on_pull

    def hush(self, frames: int) -> None:
        self.quiet_frames = frames

    def pull(self) -> PCM16 | None:
        self.pulled += 1
        self._on_pull()
        if self.quiet_frames:
            self.quiet_frames -= 1
            return None
        return np.full(frame_samples(self.rate), self.pulled, dtype=np.int16)


class Ear:
    """A sink that keeps what it takes."""

    def __init__(self, rate: int = 8000, *, on_push: Callable[[], None] = lambda: None) -> None:
        self.rate = rate
        self.heard: list[PCM16 | None] = []
        self._on_push = on_push

    def push(self, frame: PCM16 | None) -> None:
        self.heard.append(frame)
        self._on_push()

    @property
    def numbers(self) -> list[int | None]:
        """The first sample of each frame."""
        return [None if frame is None else int(frame[0]) for frame in self.heard]


class Phone(Speaker, Ear):
    """Both ends of a call."""

    def __init__(self, rate: int = 8000) -> None:
        Speaker.__init__(self, rate)
        Ear.__init__(self, rate)


def graph_of(*ports: Speaker | Ear) -> Graph:
    graph = Graph()
    for port in ports:
        if isinstance(port, Speaker):
            graph.add_source(port)
        if isinstance(port, Ear):
            graph.add_sink(port)
    return graph


def tick(graph: Graph, times: int = 1) -> None:
    for _ in range(times):
        graph.tick()


def test_frames_arrive_in_the_tick_in_which_they_were_made() -> None:
    a, b = Speaker(), Ear()
    graph = graph_of(a, b)
    graph.connect(a, b)
    tick(graph, 3)
    assert b.numbers == [1, 2, 3]


def test_every_source_is_pulled_and_every_sink_pushed_once_a_tick_connected_or_not() -> None:
    a, b = Speaker(), Ear()
    graph = graph_of(a, b)
    tick(graph, 2)
    assert a.pulled == 2
    assert b.numbers == [None, None]


def test_provider_hears_the_caller_and_answers_within_one_tick() -> None:
    caller, answered = Phone(), Speaker()
    heard_by_provider = Ear(on_push=lambda: answered.hush(0))
    answered.hush(10)
    graph = graph_of(caller)
    graph.add_source(answered, Stage.OUT)
    graph.add_sink(heard_by_provider, Stage.IN)
    graph.connect(caller, heard_by_provider)
    graph.connect(answered, caller)
    graph.take_in()
    assert (caller.pulled, heard_by_provider.numbers, answered.pulled) == (1, [1], 0)
    graph.give_out()
    assert caller.numbers == [1]


def test_a_sink_is_not_served_before_what_it_hears() -> None:
    first, second = Speaker(), Ear()
    graph = Graph()
    graph.add_source(first, Stage.OUT)
    graph.add_sink(second, Stage.IN)
    graph.take_in()
    assert second.heard == [None]
    graph.give_out()
    graph.connect(first, second)
    graph.take_in()
    assert second.numbers == [None]
    graph.give_out()
    assert second.numbers == [None, 2]


def test_callers_hear_each_other_at_the_second_stage_whatever_their_rates() -> None:
    one, other = Speaker(8000), Ear(16000)
    graph = graph_of(one, other)
    graph.connect(one, other)
    graph.take_in()
    assert other.heard == []
    graph.give_out()
    assert [len(frame) for frame in other.heard if frame is not None] == [320]


def test_second_stage_finishes_the_tick_as_it_began_and_does_nothing_on_its_own() -> None:
    speaker, ear = Speaker(), Ear()
    graph = graph_of(speaker, ear)
    graph.connect(speaker, ear)
    graph.give_out()
    assert ear.heard == []
    graph.take_in()
    graph.disconnect(speaker, ear)
    graph.give_out()
    graph.give_out()
    assert ear.numbers == [1]
    tick(graph)
    assert ear.numbers == [1, None]


def test_port_added_twice_is_served_once() -> None:
    phone = Phone()
    graph = graph_of(phone, phone)
    tick(graph)
    assert phone.pulled == 1
    assert phone.numbers == [None]


def test_source_is_heard_by_many_sinks() -> None:
    a, near, far = Speaker(), Ear(), Ear(24000)
    graph = graph_of(a, near, far)
    graph.connect(a, near)
    graph.connect(a, far)
    tick(graph, 2)
    assert a.pulled == 2
    assert near.numbers == [1, 2]
    assert [len(frame) for frame in far.heard if frame is not None] == [480, 480]


def test_two_phones_hear_each_other() -> None:
    a, b = Phone(), Phone()
    graph = graph_of(a, b)
    graph.connect(a, b)
    graph.connect(b, a)
    tick(graph, 2)
    assert a.numbers == b.numbers == [1, 2]


def test_new_source_takes_the_place_of_the_old_one() -> None:
    a, b, ear = Speaker(), Speaker(), Ear()
    b.pulled = 100
    graph = graph_of(a, b, ear)
    assert graph.connect(a, ear) is None
    tick(graph)
    assert graph.connect(b, ear) is a
    assert graph.source_of(ear) is b
    tick(graph)
    assert ear.numbers == [1, 102]


def test_connecting_again_changes_nothing() -> None:
    a, ear, twin = Speaker(8000), Ear(24000), Ear(24000)
    graph = graph_of(a, ear, twin)
    graph.connect(a, ear)
    graph.connect(a, twin)
    tick(graph)
    assert graph.connect(a, ear) is None
    tick(graph)
    assert np.array_equal(ear.heard[1], twin.heard[1])


def test_disconnect_ends_one_stream_and_says_whether_there_was_one() -> None:
    a, b, ear, other = Speaker(), Speaker(), Ear(), Ear()
    graph = graph_of(a, b, ear, other)
    graph.connect(a, ear)
    graph.connect(a, other)
    tick(graph)
    assert graph.disconnect(b, ear) is False
    assert graph.disconnect(a, ear) is True
    assert graph.disconnect(a, ear) is False
    assert graph.source_of(ear) is None
    tick(graph)
    assert ear.numbers == [1, None]
    assert other.numbers == [1, 2]


def test_removed_port_is_left_alone_and_its_streams_end() -> None:
    a, b, c = Phone(), Phone(), Phone()
    graph = graph_of(a, b, c)
    graph.connect(a, b)
    graph.connect(b, c)
    tick(graph)
    graph.remove(b)
    tick(graph)
    assert b.pulled == 1
    assert b.numbers == [1]
    assert c.numbers == [1, None]
    assert graph.source_of(c) is None
    graph.remove(b)


@pytest.mark.parametrize("rate", [8000, 24000])
def test_a_removed_port_is_freed_once_the_graph_is_laid_out_even_without_another_tick(rate: int) -> None:
    speaker, ear = Speaker(), Ear(rate)
    graph = graph_of(speaker, ear)
    graph.connect(speaker, ear)
    graph.tick()
    graph.remove(speaker)
    graph.remove(ear)
    graph.lay_out()
    ports = weakref.ref(speaker), weakref.ref(ear)
    del speaker, ear
    assert [port() for port in ports] == [None, None]


@pytest.mark.parametrize("known", ["source", "sink", "neither"])
def test_streams_and_observers_need_ports_of_the_graph(known: str) -> None:
    a, b = Speaker(), Ear()
    graph = Graph()
    if known == "source":
        graph.add_source(a)
    if known == "sink":
        graph.add_sink(b)
    with pytest.raises(InternalError):
        graph.connect(a, b)
    with pytest.raises(InternalError):
        graph.watch(a, b, lambda *_: None)
    assert graph.disconnect(a, b) is False


def test_ports_of_other_rates_are_refused_by_name() -> None:
    graph = Graph()
    with pytest.raises(InternalError, match=r"Speaker .* 11025 Hz"):
        graph.add_source(Speaker(11025))
    with pytest.raises(InternalError, match=r"Ear .* 22050 Hz"):
        graph.add_sink(Ear(22050))


def test_edits_made_while_pulling_take_effect_with_the_next_tick() -> None:
    ear, late = Ear(), Ear()
    edits: list[Callable[[], object]] = []
    a = Speaker(on_pull=lambda: [edit() for edit in edits])
    b = Speaker()
    graph = graph_of(a, b, ear)
    graph.connect(a, ear)
    edits += [
        lambda: graph.remove(a),
        lambda: graph.add_sink(late),
        lambda: graph.connect(b, ear),
        lambda: graph.connect(b, late),
    ]
    tick(graph, 2)
    assert a.pulled == 1
    assert ear.numbers == [1, 2]
    assert late.numbers == [2]


def test_edits_made_while_pushing_take_effect_with_the_next_tick() -> None:
    a, second = Speaker(), Ear()
    graph = Graph()
    first = Ear(on_push=lambda: graph.remove(second))
    for sink in (first, second):
        graph.add_sink(sink)
    graph.add_source(a)
    graph.connect(a, second)
    tick(graph, 3)
    assert second.numbers == [1]


def test_observer_sees_what_its_source_gave_and_its_sink_took() -> None:
    phone, agent = Phone(), Speaker()
    agent.pulled = 50
    graph = graph_of(phone, agent)
    graph.connect(agent, phone)
    seen: list[tuple[int | None, int | None]] = []

    def observe(from_frame: PCM16 | None, to_frame: PCM16 | None) -> None:
        seen.append(tuple(None if frame is None else int(frame[0]) for frame in (from_frame, to_frame)))

    graph.watch(phone, phone, observe)
    tick(graph)
    phone.hush(1)
    tick(graph)
    graph.disconnect(agent, phone)
    tick(graph)
    graph.unwatch(observe)
    graph.unwatch(observe)
    tick(graph)
    assert seen == [(1, 51), (None, 52), (3, None)]


def test_observers_run_after_all_sinks_were_pushed() -> None:
    phone, last = Phone(), Ear()
    graph = graph_of(phone, last)
    pushed_before: list[int] = []
    graph.watch(phone, phone, lambda *_: pushed_before.append(len(last.heard)))
    tick(graph)
    assert pushed_before == [1]


def test_observers_end_with_their_ports() -> None:
    a, b, other = Phone(), Phone(), Phone()
    graph = graph_of(a, b, other)
    calls: list[str] = []
    graph.watch(a, a, lambda *_: calls.append("a"))
    graph.watch(other, b, lambda *_: calls.append("other to b"))
    graph.watch(other, other, lambda *_: calls.append("other"))
    graph.remove(a)
    graph.remove(b)
    tick(graph)
    assert calls == ["other"]


def test_observer_may_end_itself() -> None:
    phone = Phone()
    graph = graph_of(phone)
    calls: list[int] = []

    def once(*_: PCM16 | None) -> None:
        calls.append(1)
        graph.unwatch(once)

    graph.watch(phone, phone, once)
    tick(graph, 3)
    assert calls == [1]


def test_frame_of_the_wrong_length_is_named_and_nothing_is_pushed() -> None:
    class Stammerer(Speaker):
        def pull(self) -> PCM16 | None:
            return np.zeros(159, dtype=np.int16)

    a, b = Stammerer(), Ear()
    graph = graph_of(a, b)
    graph.connect(a, b)
    with pytest.raises(FrameMismatch, match=r"Stammerer.*159"):
        graph.tick()
    assert b.heard == []


EDIT = st.tuples(st.sampled_from("cdra"), st.integers(0, 3), st.integers(0, 3))


@settings(deadline=None, max_examples=80)
@given(st.lists(EDIT, max_size=30), st.lists(st.sampled_from([8000, 24000]), min_size=4, max_size=4))
def test_any_edits_leave_every_sink_with_at_most_one_stream(
    edits: list[tuple[str, int, int]], rates: list[int]
) -> None:
    phones = [Phone(rate) for rate in rates]
    graph = graph_of(*phones)
    present, hears = set(phones), dict.fromkeys(phones)
    for kind, i, j in edits:
        a, b = phones[i], phones[j]
        if kind == "c" and {a, b} <= present:
            replaced = graph.connect(a, b)
            assert replaced is (None if hears[b] is a else hears[b])
            hears[b] = a
        elif kind == "d":
            assert graph.disconnect(a, b) is (hears[b] is a)
            hears[b] = None if hears[b] is a else hears[b]
        elif kind == "r":
            graph.remove(a)
            present.discard(a)
            hears = {p: None if a in (p, source) else source for p, source in hears.items()}
        elif kind == "a":
            graph.add_source(a)
            graph.add_sink(a)
            present.add(a)
        counts = [(phone, phone.pulled, len(phone.heard)) for phone in phones]
        graph.tick()
        for phone, pulled, pushed in counts:
            is_in = phone in present
            assert (phone.pulled - pulled, len(phone.heard) - pushed) == (is_in, is_in)
            if is_in:
                frame = phone.heard[-1]
                assert (frame is None) == (hears[phone] is None)
                assert frame is None or len(frame) == frame_samples(phone.rate)


def test_ticks_and_edits_leave_nothing_for_the_cycle_collector() -> None:
    a, b, ear = Speaker(8000), Speaker(24000), Ear(24000)
    graph = graph_of(a, b, ear)
    gc.collect()
    gc.disable()
    try:
        for source in (a, b) * 20:
            graph.connect(source, ear)
            graph.tick()
            ear.heard.clear()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_silenced_stream_is_as_if_nothing_had_been_sent_through_it() -> None:
    speaker, ear, fresh = Speaker(24000), Ear(8000), Ear(8000)
    graph = graph_of(speaker, ear, fresh)
    graph.connect(speaker, ear)
    speaker.pulled = 5000
    tick(graph, 2)
    assert graph.silence(speaker, ear) == Resampler(24000, 8000).delay_s
    assert graph.silence(speaker, ear) == 0.0
    speaker.hush(1)
    tick(graph)
    assert ear.heard[-1] is None
    graph.connect(speaker, fresh)
    tick(graph)
    assert ear.heard[-1] is not None
    assert np.array_equal(ear.heard[-1], fresh.heard[-1])


def test_a_stream_is_silenced_from_within_the_tick_that_follows_an_edit_too() -> None:
    dropped_s: list[float] = []
    other = Speaker(8000, on_pull=lambda: dropped_s.append(graph.silence(speaker, ear)))
    speaker, ear = Speaker(24000), Ear(8000)
    graph = graph_of(other, speaker, ear)
    graph.connect(speaker, ear)
    tick(graph)
    graph.add_sink(Ear())
    speaker.hush(1)
    tick(graph)
    assert dropped_s == [0.0, Resampler(24000, 8000).delay_s]
    assert ear.heard[-1] is None


def test_only_a_stream_that_converts_and_sounds_holds_anything() -> None:
    speaker, other, ear = Speaker(24000), Speaker(8000), Ear(8000)
    graph = graph_of(speaker, other, ear)
    graph.connect(speaker, ear)
    assert graph.silence(speaker, ear) == 0.0
    tick(graph)
    assert graph.silence(other, ear) == 0.0
    speaker.hush(2)
    tick(graph, 2)
    assert graph.silence(speaker, ear) == 0.0
    graph.connect(other, ear)
    tick(graph)
    assert graph.silence(other, ear) == 0.0


def test_a_stream_that_sounds_again_after_its_silencing_holds_sound_again() -> None:
    speaker, other = Speaker(24000), Speaker(24000)
    ear, other_ear = Ear(8000), Ear(8000)
    graph = graph_of(speaker, other, ear, other_ear)
    graph.connect(speaker, ear)
    graph.connect(other, other_ear)
    held_s = Resampler(24000, 8000).delay_s
    for _ in range(3):
        tick(graph)
        assert graph.silence(speaker, ear) == held_s
    assert graph.silence(other, other_ear) == held_s
    speaker.hush(1)
    tick(graph)
    assert graph.silence(speaker, ear) == 0.0
    assert graph.silence(other, other_ear) == held_s
