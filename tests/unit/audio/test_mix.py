import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from voxruntime.audio.mix import mix
from voxruntime.errors import FrameMismatch


@given(hnp.arrays(np.int16, st.tuples(st.integers(1, 6), st.integers(1, 40))))
def test_mix_equals_clipped_int32_sum(frames: np.ndarray) -> None:
    expected = np.clip(frames.astype(np.int32).sum(axis=0), -32768, 32767)
    mixed = mix(list(frames), [0.0] * len(frames))
    assert mixed.dtype == np.int16
    assert mixed.tolist() == expected.tolist()


def test_mix_of_full_scale_signals_saturates() -> None:
    loud = np.array([32767, -32768], dtype=np.int16)
    assert mix([loud, loud, loud], [0.0, 0.0, 0.0]).tolist() == [32767, -32768]


def test_mix_applies_each_gain_to_its_frame() -> None:
    a, b = np.array([1000], dtype=np.int16), np.array([100], dtype=np.int16)
    assert mix([a, b], [-20.0, 20.0]).tolist() == [1100]


def test_mix_leaves_its_arguments_unchanged() -> None:
    frame = np.array([100, -100], dtype=np.int16)
    mix([frame, frame], [6.0, 6.0])
    assert frame.tolist() == [100, -100]


@pytest.mark.parametrize(
    ("sizes", "gains_db"), [((2, 3), [0.0, 0.0]), ((2, 2), [0.0]), ((), [])], ids=["shapes", "gains", "none"]
)
def test_mix_refuses_frames_that_do_not_match(sizes: tuple[int, ...], gains_db: list[float]) -> None:
    with pytest.raises(FrameMismatch):
        mix([np.zeros(size, dtype=np.int16) for size in sizes], gains_db)
