from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.audio.pcm import PCM16
from voxruntime.legs.mic.ring import SampleRing


def read(ring: SampleRing, count: int) -> list[int]:
    samples = np.full(count, -1, dtype=np.int16)
    filled = ring.read_into(samples)
    assert (samples[filled:] == -1).all(), "what is not filled is not touched"
    return samples[:filled].tolist()


def numbers(*values: int) -> PCM16:
    return np.array(values, dtype=np.int16)


def test_samples_come_out_in_order_and_once() -> None:
    ring = SampleRing(4)
    ring.write(numbers(1, 2, 3))
    assert ring.waiting == 3
    assert read(ring, 2) == [1, 2]
    ring.write(numbers(4, 5, 6))
    assert read(ring, 4) == [3, 4, 5, 6]
    assert ring.waiting == 0


def test_what_does_not_fit_is_left_out() -> None:
    ring = SampleRing(4)
    ring.write(numbers(1, 2, 3))
    ring.write(numbers(4, 5, 6))
    assert read(ring, 9) == [1, 2, 3, 4]


def test_what_is_read_in_vain_is_counted() -> None:
    ring = SampleRing(4)
    ring.write(numbers(1))
    assert read(ring, 3) == [1]
    assert ring.missing == 2


def test_skipping_leaves_the_newest_and_never_brings_back_the_old() -> None:
    ring = SampleRing(8)
    ring.write(numbers(1, 2, 3, 4))
    ring.skip_to(9)
    ring.skip_to(2)
    assert read(ring, 8) == [3, 4]
    ring.skip_to(2)
    assert ring.waiting == 0


def test_one_channel_of_a_block_can_be_written_and_filled() -> None:
    ring = SampleRing(8)
    ring.write(numbers(1, 10, 2, 20).reshape(-1, 2)[:, 1])
    block = np.zeros((2, 2), dtype=np.int16)
    assert ring.read_into(block[:, 0]) == 2
    assert block.tolist() == [[10, 0], [20, 0]]


@given(st.integers(1, 9), st.lists(st.tuples(st.booleans(), st.integers(0, 12))))
def test_a_ring_is_a_queue_of_limited_length(capacity: int, steps: list[tuple[bool, int]]) -> None:
    ring, queue, next_number = SampleRing(capacity), list[int](), 0
    for is_write, count in steps:
        if is_write:
            written = list(range(next_number, next_number + count))
            next_number += count
            ring.write(numbers(*written))
            queue += written[: capacity - len(queue)]
        else:
            assert read(ring, count) == queue[:count]
            queue = queue[count:]
        assert ring.waiting == len(queue)


def test_what_waits_can_be_turned_into_silence_of_the_same_length() -> None:
    ring = SampleRing(4)
    ring.write(numbers(1, 2, 3))
    assert read(ring, 2) == [1, 2]
    ring.write(numbers(4, 5))
    assert ring.silence() == 3
    ring.write(numbers(6))
    assert read(ring, 9) == [0, 0, 0, 6]
