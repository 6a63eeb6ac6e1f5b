"""How a provider cuts its audio into deltas changes nothing: not a sample, a position, an event or a count.

Whole frames of one part take a short way through the playout, everything else the long one; the same audio goes both.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.media.playout import Playout

RATES = [8000, 24000, 44100]
LIMIT_S = 5.0

Act = Callable[["Pair"], None]


class Pair:
    """Two playouts that are told the same. The second gets its audio cut at odd places.

    Args:
        cut: Samples of the first piece of each delta of the second, over and over.
    """

    def __init__(self, cut: int) -> None:
        self.whole, self.cut = Playout(RATES[0], limit_s=LIMIT_S), Playout(RATES[0], limit_s=LIMIT_S)
        self._first_piece = cut
        self._fed = 0

    def both(self, act: Callable[[Playout], object]) -> None:
        assert act(self.whole) == act(self.cut)

    def feed(self, item: int, pcm: PCM16) -> None:
        name = f"item{item}"
        self.whole.feed(name, 0, f"response{item // 2}", pcm)
        for piece in (pcm[: self._first_piece], pcm[self._first_piece :]):
            self.cut.feed(name, 0, f"response{item // 2}", piece)

    def sound(self, samples: int) -> PCM16:
        self._fed += samples
        return (np.arange(self._fed - samples, self._fed) % 30000 + 100).astype(np.int16)

    def pull(self, *, looks: bool) -> None:
        whole, cut = self.whole.pull(), self.cut.pull()
        assert (whole is None) == (cut is None)
        if whole is not None and cut is not None:
            assert whole.dtype == cut.dtype
            assert np.array_equal(whole, cut)
            assert len(whole) == frame_samples(self.whole.rate)
            assert self.whole.rate == self.cut.rate
        if looks:
            self.both(Playout.drain_events)
            self.both(Playout.drain_sounding)
            self.whole.goes_on = self.cut.goes_on = False

    def compare(self) -> None:
        self.both(lambda playout: playout.queued_s)
        self.both(Playout.counters)
        self.both(Playout.drain_events)
        self.both(Playout.drain_sounding)
        for item in range(4):
            self.both(lambda playout, name=f"item{item}": playout.heard_ms(name))


def live(item: int, frames: int, rate: int, *, is_silent: bool) -> Act:
    """A frame comes, a frame is played; the way of nearly all audio."""

    def act(pair: Pair) -> None:
        for _ in range(frames):
            pcm = pair.sound(frame_samples(rate))
            pair.feed(item, np.zeros_like(pcm) if is_silent else pcm)
            pair.pull(looks=True)

    return act


def burst(item: int, samples: int, times: int) -> Act:
    """Audio comes far ahead of its time."""

    def act(pair: Pair) -> None:
        for _ in range(times):
            pair.feed(item, pair.sound(samples))

    return act


def pulls(count: int, *, looks: bool) -> Act:
    def act(pair: Pair) -> None:
        for _ in range(count):
            pair.pull(looks=looks)

    return act


def rate_of(rate: int) -> Act:
    return lambda pair: pair.both(lambda playout: playout.set_rate(rate))


def cancel(item: int) -> Act:
    return lambda pair: pair.both(lambda playout: playout.cancel(f"item{item}"))


def clear(unheard_s: float) -> Act:
    return lambda pair: pair.both(lambda playout: playout.clear(unheard_s))


items, rates = st.integers(0, 3), st.sampled_from(RATES)
acts = st.one_of(
    st.builds(live, items, st.integers(1, 230), rates, is_silent=st.booleans()),
    st.builds(burst, items, st.sampled_from([1, 160, 480, 960, 1000, 4800]), st.integers(1, 12)),
    st.builds(pulls, st.integers(1, 60), looks=st.booleans()),
    st.builds(rate_of, rates),
    st.builds(cancel, items),
    st.builds(clear, st.floats(0, 0.2)),
)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 1200), st.lists(acts, max_size=12))
@example(1, [rate_of(24000), burst(0, 480, 2), live(0, 201, 24000, is_silent=True)])
def test_cutting_deltas_elsewhere_changes_nothing(cut: int, story: list[Act]) -> None:
    pair = Pair(cut)
    for act in story:
        act(pair)
        pair.compare()


def test_spare_audio_is_found_whether_or_not_deltas_are_whole_frames() -> None:
    pair = Pair(100)
    for act in (burst(0, 160, 3), live(0, 250, 8000, is_silent=False), live(0, 10, 8000, is_silent=True)):
        act(pair)
    pair.compare()
    assert pair.whole.counters().spare_s == 0.06


def test_a_frame_that_only_goes_on_is_told_from_one_with_news() -> None:
    playout = Playout(8000)
    playout.feed("a", 0, "first", np.ones(480, np.int16))
    playout.feed("b", 0, "second", np.ones(160, np.int16))
    seen = []
    for _ in range(5):
        playout.pull()
        seen.append((playout.goes_on, playout.drain_sounding()))
        playout.goes_on = False
    assert seen == [(False, "first"), (True, "first"), (True, "first"), (False, "second"), (False, None)]


def test_an_item_cancelled_while_it_is_being_fed_gets_no_more_into_the_queue() -> None:
    playout = Playout(8000)
    for _ in range(3):
        playout.feed("a", 0, "response", np.ones(160, np.int16))
        playout.pull()
    playout.cancel("a")
    playout.feed("a", 0, "response", np.ones(160, np.int16))
    assert playout.pull() is None
    assert playout.counters().cancelled_s == 0.02


def test_an_item_that_goes_on_after_a_clear_is_being_played_again() -> None:
    playout = Playout(8000)
    for _ in range(3):
        playout.feed("a", 0, "response", np.ones(160, np.int16))
        playout.pull()
    playout.clear()
    playout.feed("a", 0, "response", np.ones(160, np.int16))
    playout.pull()
    (heard,) = playout.clear(unheard_s=0.01)
    assert (heard.item_id, heard.heard_samples, heard.is_whole) == ("a", 4 * 160 - 80, False)
