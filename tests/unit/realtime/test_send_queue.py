from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.realtime.send_queue import SendQueue


def test_texts_leave_in_the_order_they_came() -> None:
    queue = SendQueue(longest_audio_ms=100)
    queue.put_message("a")
    queue.put_audio("b", 20)
    queue.put_message("c")
    assert list(queue.take()) == ["a", "b", "c"]
    assert list(queue.take()) == []


def test_text_that_was_not_taken_stays() -> None:
    queue = SendQueue(longest_audio_ms=100)
    for text in "abc":
        queue.put_message(text)
    assert list(islice(queue.take(), 2)) == ["a", "b"]
    assert queue.message_chars == 1
    assert list(queue.take()) == ["c"]


def test_oldest_audio_is_dropped_past_the_bound_and_messages_never() -> None:
    queue = SendQueue(longest_audio_ms=40)
    queue.put_message("first")
    for number in range(4):
        queue.put_audio(f"audio {number}", 20)
        queue.put_message(f"message {number}")
    assert queue.dropped_audio_ms == 40
    assert list(queue.take()) == [
        "first", "message 0", "message 1", "audio 2", "message 2", "audio 3", "message 3",
    ]  # fmt: skip


def test_audio_longer_than_the_bound_is_dropped_at_once() -> None:
    queue = SendQueue(longest_audio_ms=40)
    queue.put_audio("long", 41)
    assert (list(queue.take()), queue.dropped_audio_ms) == ([], 41)


@given(st.lists(st.none() | st.sampled_from([20.0, 20.3, 100.0]) | st.integers(1, 9), max_size=200))
def test_audio_that_waits_never_passes_the_bound_and_none_is_lost_uncounted(steps: list[object]) -> None:
    queue = SendQueue(longest_audio_ms=200)
    put_ms = taken_ms = 0.0
    for step in steps:
        if step is None:
            queue.put_message("m")
        elif isinstance(step, float):
            queue.put_audio(str(step), step)
            put_ms += step
        else:
            taken_ms += sum(float(text) for text in islice(queue.take(), step) if text != "m")
    left_ms = sum(float(text) for text in queue.take() if text != "m")
    assert left_ms <= 200 + 1e-6
    assert put_ms == pytest.approx(taken_ms + left_ms + queue.dropped_audio_ms)
    assert queue.message_chars == 0
