import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxruntime.audio.pcm import PCM16, frame_samples
from voxruntime.errors import InternalError
from voxruntime.media.heard import Heard
from voxruntime.media.playout import Playout, PlayoutEnded, PlayoutStarted

RATE = 24000
FRAME = frame_samples(RATE)


def audio(samples: int, start: int = 1) -> PCM16:
    """Samples that count, never zero: each tells its own place."""
    return (np.arange(start, start + samples) % 30000 + 1).astype(np.int16)


def frames(playout: Playout, count: int) -> list[PCM16 | None]:
    return [playout.pull() for _ in range(count)]


def feed(playout: Playout, item_id: str, pcm: PCM16) -> None:
    playout.feed(item_id, 0, "resp", pcm)


def test_nothing_fed_is_silence_without_events() -> None:
    playout = Playout(RATE)
    assert frames(playout, 100) == [None] * 100
    assert playout.drain_events() == []
    assert playout.rate == RATE


def test_burst_plays_in_frames_and_the_last_one_is_filled_up_with_silence() -> None:
    playout = Playout(RATE)
    pcm = audio(2 * FRAME + 100)
    feed(playout, "a", pcm)
    assert playout.queued_s == (2 * FRAME + 100) / RATE
    first, second, third, fourth = frames(playout, 4)
    assert first is not None
    assert second is not None
    assert third is not None
    assert np.array_equal(np.concatenate([first, second, third[:100]]), pcm)
    assert third.dtype == np.int16
    assert len(third) == FRAME
    assert not third[100:].any()
    assert fourth is None
    assert playout.queued_s == 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1200)), max_size=25),
    st.lists(st.integers(0, 4), max_size=25),
    st.sampled_from([8000, 44100]),
)
def test_no_sample_is_lost_doubled_or_moved(
    chunks: list[tuple[int, int]], pulls: list[int], rate: int
) -> None:
    playout = Playout(rate)
    fed, heard, position = [np.zeros(0, np.int16)], [np.zeros(0, np.int16)], 1
    for number in range(max(len(chunks), len(pulls))):
        if number < len(chunks):
            item, samples = chunks[number]
            fed.append(audio(samples, position))
            position += samples
            feed(playout, f"item{item}", fed[-1])
        for _ in range(pulls[number] if number < len(pulls) else 0):
            heard.append(playout.pull())
    while playout.queued_s:
        heard.append(playout.pull())
    played = np.concatenate([frame[frame != 0] for frame in heard if frame is not None])
    assert np.array_equal(played, np.concatenate(fed))
    for item in range(4):
        total = sum(samples for number, samples in chunks if number == item)
        known = [number for number, _ in chunks if number == item]
        assert playout.heard_ms(f"item{item}") == (total * 1000 // rate if known else None)


def test_started_comes_with_the_first_audio_and_ended_after_a_second_of_silence() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(FRAME))
    assert playout.drain_events() == []
    playout.pull()
    assert playout.drain_events() == [PlayoutStarted()]
    frames(playout, 49)
    assert playout.drain_events() == []
    playout.pull()
    assert playout.drain_events() == [PlayoutEnded(0.02)]
    frames(playout, 100)
    assert playout.drain_events() == []


def test_silence_counts_from_the_last_sample() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(FRAME + 1))
    # 479 samples of silence fill the second frame; 49 more frames make 1 s less a sample.
    frames(playout, 2 + 49)
    assert playout.drain_events() == [PlayoutStarted()]
    playout.pull()
    assert playout.drain_events() == [PlayoutEnded((FRAME + 1) / RATE)]


def test_pause_shorter_than_a_second_belongs_to_the_same_media_and_not_to_its_duration() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(FRAME))
    frames(playout, 50)
    feed(playout, "b", audio(FRAME))
    frames(playout, 51)
    assert playout.drain_events() == [PlayoutStarted(), PlayoutEnded(0.04)]


def test_media_starts_anew_after_it_ended() -> None:
    playout = Playout(RATE)
    for _ in range(2):
        feed(playout, "a", audio(FRAME))
        frames(playout, 51)
    assert playout.drain_events() == [PlayoutStarted(), PlayoutEnded(0.02)] * 2


def test_clear_tells_to_the_sample_how_far_the_item_was_heard() -> None:
    playout = Playout(RATE)
    playout.feed("a", 0, "r1", audio(1000))
    playout.feed("b", 2, "r2", audio(9000))
    frames(playout, 4)
    assert playout.clear() == [Heard("b", 2, 4 * FRAME - 1000, 38, "r2", 375, is_whole=False)]
    assert playout.queued_s == 0
    assert playout.pull() is None


def test_heard_ms_is_rounded_down() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(47))
    playout.pull()
    assert playout.heard_ms("a") == 1


def test_clear_before_anything_played_names_what_waits_with_nothing_heard() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(FRAME))
    feed(playout, "b", audio(FRAME))
    feed(playout, "a", audio(FRAME))
    heard = playout.clear()
    assert heard == [
        Heard("a", 0, 0, 0, "resp", 40, is_whole=False),
        Heard("b", 0, 0, 0, "resp", 20, is_whole=False),
    ]


def test_clear_between_items_names_the_one_heard_whole_and_the_one_about_to_begin() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(FRAME))
    feed(playout, "b", audio(FRAME))
    playout.pull()
    assert playout.clear() == [
        Heard("a", 0, FRAME, 20, "resp", 20, is_whole=True),
        Heard("b", 0, 0, 0, "resp", 20, is_whole=False),
    ]


def test_what_was_dropped_on_its_way_to_the_ear_was_not_heard() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(FRAME))
    feed(playout, "b", audio(10 * FRAME))
    frames(playout, 2)
    assert playout.clear(unheard_s=0.03) == [
        Heard("a", 0, FRAME // 2, 10, "resp", 20, is_whole=False),
        Heard("b", 0, 0, 0, "resp", 200, is_whole=False),
    ]
    assert playout.heard_ms("a") == 10


def test_what_is_dropped_twice_is_taken_back_once() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(10 * FRAME))
    frames(playout, 2)
    playout.clear(unheard_s=0.01)
    assert playout.clear(unheard_s=0.01) == []
    assert playout.heard_ms("a") == 30


def test_silence_after_the_last_sample_is_the_first_to_be_dropped() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(FRAME))
    frames(playout, 3)
    assert playout.clear(unheard_s=0.045) == [Heard("a", 0, 360, 15, "resp", 20, is_whole=False)]


def test_no_more_is_taken_back_than_was_played() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(2 * FRAME))
    playout.pull()
    assert playout.clear(unheard_s=5.0) == [Heard("a", 0, 0, 0, "resp", 40, is_whole=False)]


def test_clear_in_a_pause_names_the_item_that_paused() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(FRAME))
    frames(playout, 10)
    heard = playout.clear()
    assert heard == [Heard("a", 0, FRAME, 20, "resp", 20, is_whole=True)]
    assert playout.clear() == []


def test_clear_of_what_never_began_or_has_ended_tells_nothing() -> None:
    playout = Playout(RATE)
    assert playout.clear() == []
    feed(playout, "a", audio(FRAME))
    frames(playout, 51)
    assert playout.clear() == []


def test_cleared_media_ends_after_a_second() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(10 * FRAME))
    playout.pull()
    playout.clear()
    frames(playout, 50)
    assert playout.drain_events() == [PlayoutStarted(), PlayoutEnded(0.02)]


def test_position_of_a_cleared_item_is_still_known_and_moves_on_to_its_later_audio() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(10 * FRAME))
    frames(playout, 2)
    playout.clear()
    assert playout.heard_ms("a") == 40
    feed(playout, "a", audio(FRAME))
    assert playout.pull() is not None
    assert playout.heard_ms("a") == 220


def test_cancelled_item_is_dropped_from_the_queue_and_when_fed_later() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(3 * FRAME))
    feed(playout, "b", audio(FRAME, 7000))
    playout.pull()
    playout.cancel("a")
    feed(playout, "a", audio(2 * FRAME))
    assert playout.queued_s == 0.02
    frame = playout.pull()
    assert frame is not None
    assert frame[0] == 7001
    assert playout.heard_ms("a") == 20
    assert playout.counters().cancelled_s == 0.08


def test_item_may_be_cancelled_before_its_first_audio() -> None:
    playout = Playout(RATE)
    playout.cancel("a")
    feed(playout, "a", audio(FRAME))
    assert playout.pull() is None
    assert playout.heard_ms("a") == 0


def test_cancelled_item_is_no_longer_being_played() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(3 * FRAME))
    playout.pull()
    playout.cancel("a")
    assert playout.clear() == []


def test_content_parts_have_positions_of_their_own() -> None:
    playout = Playout(RATE)
    playout.feed("a", 0, "r", audio(FRAME))
    playout.feed("a", 1, "r", audio(FRAME))
    frames(playout, 1)
    assert (playout.heard_ms("a"), playout.heard_ms("a", 1)) == (20, 0)
    assert playout.heard_ms("never") is None


def test_empty_audio_makes_the_item_known_and_plays_nothing() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(0))
    assert playout.heard_ms("a") == 0
    assert playout.pull() is None
    assert playout.clear() == []


def test_new_rate_holds_for_items_that_begin_later() -> None:
    playout = Playout(24000)
    feed(playout, "a", audio(500))
    playout.set_rate(8000)
    feed(playout, "a", audio(100, 501))
    feed(playout, "b", audio(200))
    assert playout.queued_s == 600 / 24000 + 200 / 8000
    played, rates = [], []
    while playout.queued_s:
        played.append(playout.pull())
        rates.append(playout.rate)
    assert rates == [24000, 24000, 8000, 8000]
    assert [len(frame) for frame in played] == [480, 480, 160, 160]
    assert not played[1][120:].any()
    assert not played[3][40:].any()
    assert playout.clear() == [Heard("b", 0, 200, 25, "resp", 25, is_whole=True)]


def test_durations_at_different_rates_add_up() -> None:
    playout = Playout(44100)
    for rate in (44100, 8000, 48000, 16000):
        playout.set_rate(rate)
        feed(playout, f"at {rate}", audio(frame_samples(rate)))
    frames(playout, 4 + 50)
    assert playout.drain_events() == [PlayoutStarted(), PlayoutEnded(0.08)]


@pytest.mark.parametrize("rate", [0, 11025, 96000])
def test_other_rates_are_refused(rate: int) -> None:
    with pytest.raises(InternalError, match=str(rate)):
        Playout(rate)
    with pytest.raises(InternalError, match=str(rate)):
        Playout(8000).set_rate(rate)


def test_full_queue_drops_the_oldest_audio_and_counts_it() -> None:
    playout = Playout(8000, limit_s=0.1)
    feed(playout, "a", audio(500))
    feed(playout, "a", audio(500, 501))
    assert playout.queued_s == 0.1
    assert playout.counters().overflow_s == 200 / 8000
    frame = playout.pull()
    assert frame is not None
    assert np.array_equal(frame, audio(160, 201))
    assert playout.heard_ms("a") == 45


def test_full_queue_holds_no_sample_more_than_its_limit() -> None:
    playout = Playout(8000, limit_s=0.10001)
    feed(playout, "a", audio(1000))
    assert playout.queued_s == 0.1


def test_overflow_drops_whole_chunks_too() -> None:
    playout = Playout(8000, limit_s=0.1)
    for start in range(0, 5000, 100):
        feed(playout, "a", audio(100, start))
    frame = playout.pull()
    assert frame is not None
    assert np.array_equal(frame, audio(160, 4200))


def test_pause_within_an_item_is_an_underrun() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(FRAME))
    frames(playout, 4)
    feed(playout, "a", audio(FRAME - 80))
    playout.pull()
    feed(playout, "a", audio(FRAME))
    playout.pull()
    counters = playout.counters()
    assert counters.underruns == 2
    assert counters.underrun_s == pytest.approx(0.06 + 80 / RATE)
    assert counters.played_s == pytest.approx((3 * FRAME - 80) / RATE)


def test_pause_between_items_or_after_a_clear_is_no_underrun() -> None:
    playout = Playout(RATE)
    feed(playout, "a", audio(FRAME))
    frames(playout, 4)
    feed(playout, "b", audio(FRAME))
    frames(playout, 4)
    playout.clear()
    feed(playout, "b", audio(FRAME))
    playout.pull()
    assert playout.counters().underruns == 0


def test_fed_audio_is_never_changed() -> None:
    playout = Playout(RATE)
    pcm = audio(700)
    pcm.flags.writeable = False
    feed(playout, "a", pcm)
    frames(playout, 3)
    assert np.array_equal(pcm, audio(700))


def test_hours_of_items_keep_a_bounded_memory_of_positions() -> None:
    playout = Playout(RATE)
    for number in range(1000):
        feed(playout, f"item{number}", audio(FRAME))
        playout.pull()
        playout.cancel(f"item{number}")
    assert playout.heard_ms("item0") is None
    assert playout.heard_ms("item999") == 20
    feed(playout, "item999", audio(FRAME))
    assert playout.pull() is None


def test_ten_minutes_in_bursts_with_stalls_keep_every_sample() -> None:
    random = np.random.default_rng(3)
    playout = Playout(8000)
    total, fed = 10 * 60 * 8000, 0
    heard: list[PCM16] = []
    while fed < total or playout.queued_s:
        if fed < total and random.random() < 0.05:
            samples = int(min(random.integers(1, 6000), total - fed))
            playout.feed(f"item{fed // 80000}", 0, "r", audio(samples, fed))
            fed += samples
        frame = playout.pull()
        if frame is not None:
            heard.append(frame[frame != 0])
    assert np.array_equal(np.concatenate(heard), audio(total, 0))
    assert playout.counters().overflow_s == 0
    assert playout.counters().played_s == 600


def test_the_response_of_the_last_frame_is_handed_over_once() -> None:
    playout = Playout(RATE)
    assert playout.drain_sounding() is None
    playout.feed("a", 0, "first", audio(FRAME + 10))
    playout.feed("b", 0, "second", audio(FRAME))
    sounding = []
    for _ in range(4):
        playout.pull()
        sounding += [playout.drain_sounding(), playout.drain_sounding()]
    assert sounding == ["first", None, "second", None, "second", None, None, None]
