"""Sampling-rate conversion: frame by frame for many streams at once, and of whole recordings.

All of it is one filter: a Kaiser-windowed sinc that is 6 dB down at half the lower rate. Its length is a
fixed number of samples of the lower rate, so a conversion there and back delays by that length, and no
stream waits longer than its own band asks for.

A frame is filtered as matrix products (the polyphase theory: J. O. Smith, "Digital Audio Resampling",
CCRMA). Input and output agree at block borders (16 samples at 8 kHz are 48 at 24 kHz, and 96 back are 32); each
block of output is one fixed matrix times the input block and the history before it. The streams of a tick are rows
of one product, which BLAS computes several times faster than row by row. History starts as silence: the first frame
in gives a whole frame out, and there is no shortage to make up.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import TypeVar

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from voxruntime.audio.pcm import PCM16, RATES, frame_samples
from voxruntime.errors import FrameMismatch, InternalError

_Float32 = NDArray[np.float32]
_Float64 = NDArray[np.float64]
_Sample = TypeVar("_Sample", np.int16, np.float32)

_LIVE_WIDTH = 28
"""Length of the live filter in samples of the lower rate: 3.5 ms for 8 kHz. Shorter lets 4.6 kHz alias."""

_WHOLE_WIDTH = 64
"""Length of the filter for whole recordings, which no one waits for: sharper towards half the rate."""

_KAISER_BETA = 8.0
"""Stop band at -84 dB, beneath the noise of 16 bits in speech; a higher beta widens the transition."""

_LEAST_BLOCK_IN, _LEAST_BLOCK_OUT = 16, 32
"""Samples of a block. Smaller blocks copy more history, larger ones multiply more zeros."""

_MOST_PHASES = 2048
"""Filter phases kept for whole recordings. Rates whose ratio has more use the nearest: -62 dB at worst."""

_OUTPUTS_AT_ONCE = 4096

_LEAST, _MOST = np.float32(-32768), np.float32(32767)

_ROWS_AT_ONCE = 64
"""Rows of one matrix product: enough for BLAS, few enough that all of it stays in the core's own cache."""


def _impulse_response(seconds: _Float64, low_rate: int, width: int) -> _Float64:
    """Returns the filter's response at times around its centre, not yet normalised."""
    place = np.clip(2 * np.abs(seconds) * low_rate / width, 0, 1)
    window = np.i0(_KAISER_BETA * np.sqrt(1 - place**2)) * (place < 1)
    response: _Float64 = np.sinc(seconds * low_rate) * window
    return response


class _Kernel(msgspec.Struct, frozen=True):
    """How one block is converted.

    Attributes:
        matrix: float32 of shape (history + block_in, block_out).
        history: Input samples before the block that its output depends on.
        block_in: Input samples of a block.
        block_out: Output samples of a block.
        delay_s: Seconds from a sound in the input to the same sound in the output.
    """

    matrix: _Float32
    history: int
    block_in: int
    block_out: int
    delay_s: float

    def apply(self, windows: _Float32, filtered: _Float32) -> None:
        """Writes the samples of windows, one per row, to the rows of `filtered`: rounded, within int16."""
        np.matmul(windows, self.matrix, out=filtered)
        np.rint(filtered, out=filtered)
        # A third of the time that np.minimum and np.maximum take, and half of np.clip's on one stream.
        filtered.clip(_LEAST, _MOST, out=filtered)


@functools.cache
def _kernel(in_rate: int, out_rate: int) -> _Kernel:
    if in_rate not in RATES or out_rate not in RATES or in_rate == out_rate:
        raise InternalError("internal.rate", f"No frame resampler from {in_rate} to {out_rate} Hz.")
    whole = math.gcd(frame_samples(in_rate), frame_samples(out_rate))
    unit_in, unit_out = frame_samples(in_rate) // whole, frame_samples(out_rate) // whole
    units = next(
        n
        for n in range(1, whole + 1)
        if whole % n == 0 and n * unit_in >= _LEAST_BLOCK_IN and n * unit_out >= _LEAST_BLOCK_OUT
    )
    block_in, block_out = units * unit_in, units * unit_out
    low_rate = min(in_rate, out_rate)
    half_width_s = _LIVE_WIDTH / low_rate / 2
    # The least delay at which a block's last output needs no input of the next block.
    delay_s = half_width_s + 1 / in_rate - 1 / out_rate
    history = math.floor((delay_s + half_width_s) * in_rate)
    in_times = np.arange(-history, block_in) / in_rate
    out_times = np.arange(block_out) / out_rate - delay_s
    weights = _impulse_response(out_times[np.newaxis, :] - in_times[:, np.newaxis], low_rate, _LIVE_WIDTH)
    # Each phase on its own, so that a constant comes out without a ripple.
    weights /= weights.sum(axis=0)
    return _Kernel(weights.astype(np.float32), history, block_in, block_out, delay_s)


class _Scratch:
    """Room for the batches of one kernel, shared by all its resamplers.

    Fresh arrays of this size are fresh pages, which cost more than the arithmetic, and one place for all stays in the
    processor's cache. So batches run one after the other: resamplers are for one thread.
    """

    def __init__(self, kernel: _Kernel, frame_in: int) -> None:
        blocks = frame_in // kernel.block_in
        self.heard = np.empty((_ROWS_AT_ONCE, kernel.history + frame_in), dtype=np.int16)
        self.windows = _windows(self.heard, kernel)
        self.stacked = np.empty(self.windows.shape, dtype=np.float32)
        self.filtered = np.empty((_ROWS_AT_ONCE * blocks, kernel.block_out), dtype=np.float32)


@functools.cache
def _scratch(in_rate: int, out_rate: int) -> _Scratch:
    return _Scratch(_kernel(in_rate, out_rate), frame_samples(in_rate))


class Resampler:
    """Converts 20 ms frames of many streams from one rate to another, exactly one frame out for each in.

    Order of calls: `open_row` for each stream, `process` with the rows that have a frame, `close_row`. A row
    is the history of one stream; rows do not hear each other.

    Args:
        in_rate: Hz, one of RATES.
        out_rate: Hz, another one of RATES.
    """

    def __init__(self, in_rate: int, out_rate: int) -> None:
        kernel = _kernel(in_rate, out_rate)
        self._kernel = kernel
        self._scratch = _scratch(in_rate, out_rate)
        self._frame_in = frame_samples(in_rate)
        self._frame_out = frame_samples(out_rate)
        self._blocks = self._frame_in // kernel.block_in
        self._history = np.zeros((0, kernel.history), dtype=np.int16)
        self._free: list[int] = []

    @property
    def delay_s(self) -> float:
        """Seconds from a sound in the input to the same sound in the output."""
        return self._kernel.delay_s

    def open_row(self) -> int:
        """Returns a row with silence behind it."""
        if not self._free:
            used = len(self._history)
            added = max(8, used)
            self._history = np.vstack(
                [self._history, np.zeros((added, self._kernel.history), dtype=np.int16)]
            )
            self._free = list(range(used + added - 1, used - 1, -1))
        row = self._free.pop()
        self.reset_row(row)
        return row

    def reset_row(self, row: int) -> None:
        """Forgets what the row's stream played until now."""
        self._history[row] = 0

    def close_row(self, row: int) -> None:
        """Gives the row back; it must be open."""
        self._free.append(row)

    def process(self, rows: Sequence[int] | NDArray[np.intp], frames: PCM16) -> PCM16:
        """Returns the frames at the other rate.

        Args:
            rows: Open rows, each at most once.
            frames: int16 of shape (len(rows), samples of a frame at the input rate).

        Returns:
            int16 of shape (len(rows), samples of a frame at the output rate), not used again.

        Raises:
            FrameMismatch: The frames have another shape.
        """
        count = len(rows)
        if frames.shape != (count, self._frame_in):
            raise FrameMismatch((count, self._frame_in), frames.shape)
        places = np.asarray(rows, dtype=np.intp)
        converted = np.empty((count, self._frame_out), dtype=np.int16)
        batches = -(-count // _ROWS_AT_ONCE)
        borders = [count * batch // batches for batch in range(batches + 1)]
        for begin, end in itertools.pairwise(borders):
            self._process_batch(places[begin:end], frames[begin:end], converted[begin:end])
        return converted

    def _process_batch(self, places: NDArray[np.intp], frames: PCM16, converted: PCM16) -> None:
        kernel, scratch, count = self._kernel, self._scratch, len(places)
        heard = scratch.heard[:count]
        heard[:, : kernel.history] = self._history[places]
        heard[:, kernel.history :] = frames
        self._history[places] = heard[:, self._frame_in :]
        stacked = scratch.stacked[:count]
        stacked[...] = scratch.windows[:count]
        filtered = scratch.filtered[: count * self._blocks]
        kernel.apply(stacked.reshape(count * self._blocks, -1), filtered)
        converted[...] = filtered.reshape(count, -1)


class StreamResampler:
    """Converts one stream that comes in chunks of any length.

    What comes out does not depend on where the chunks are cut. Up to one block (4 ms, 10 ms where 44.1 kHz is
    one of the rates) waits for the next chunk.

    Args:
        in_rate: Hz, one of RATES.
        out_rate: Hz, another one of RATES.
    """

    def __init__(self, in_rate: int, out_rate: int) -> None:
        self._kernel = _kernel(in_rate, out_rate)
        self._heard = np.zeros(self._kernel.history, dtype=np.float32)

    @property
    def delay_s(self) -> float:
        """Seconds from a sound in the input to the same sound in the output."""
        return self._kernel.delay_s

    def process(self, pcm: PCM16) -> PCM16:
        """Returns the samples that this chunk completes; int16 of shape (samples,), possibly none."""
        kernel = self._kernel
        heard = np.concatenate([self._heard, pcm.astype(np.float32)])
        blocks = (len(heard) - kernel.history) // kernel.block_in
        used = blocks * kernel.block_in
        self._heard = heard[used:].copy()
        if not blocks:
            return np.zeros(0, dtype=np.int16)
        windows = _windows(heard[np.newaxis, : used + kernel.history], kernel)[0]
        filtered = np.empty((blocks, kernel.block_out), dtype=np.float32)
        kernel.apply(np.ascontiguousarray(windows), filtered)
        return filtered.astype(np.int16).reshape(-1)


def _windows(heard: NDArray[_Sample], kernel: _Kernel) -> NDArray[_Sample]:
    """Returns a view of rows of history and input, cut into one overlapping window per block.

    BLAS wants windows that do not overlap: copy the view before multiplying it.
    """
    length = kernel.history + kernel.block_in
    windows: NDArray[_Sample] = sliding_window_view(heard, length, axis=1)[:, :: kernel.block_in]
    return windows


def convert(pcm: PCM16, in_rate: int, out_rate: int) -> PCM16:
    """Returns a whole recording at another rate, not delayed.

    Args:
        pcm: int16 of shape (samples,).
        in_rate: Hz, any positive integer.
        out_rate: Hz, any positive integer.

    Returns:
        int16 of shape (samples,), the same duration rounded to the nearest sample; a new array.

    Raises:
        InternalError: A rate is not positive.
    """
    if in_rate <= 0 or out_rate <= 0:
        raise InternalError("internal.rate", f"Cannot convert from {in_rate} to {out_rate} Hz.")
    if in_rate == out_rate:
        return pcm.copy()
    out_samples = (2 * len(pcm) * out_rate + in_rate) // (2 * in_rate)
    table, reach = _phase_table(in_rate, out_rate)
    padded = np.concatenate([np.zeros(reach - 1), pcm, np.zeros(reach + 1)]).astype(np.float32)
    windows = sliding_window_view(padded, table.shape[1])
    converted = np.empty(out_samples, dtype=np.int16)
    for begin in range(0, out_samples, _OUTPUTS_AT_ONCE):
        outputs = np.arange(begin, min(begin + _OUTPUTS_AT_ONCE, out_samples), dtype=np.int64)
        # In units of 1 / len(table) of an input sample.
        places = (outputs * in_rate * len(table) + out_rate // 2) // out_rate
        starts, phases = np.divmod(places, len(table))
        samples = np.einsum("ij,ij->i", windows[starts], table[phases])
        converted[outputs] = np.clip(np.rint(samples), -32768, 32767)
    return converted


@functools.lru_cache(maxsize=16)
def _phase_table(in_rate: int, out_rate: int) -> tuple[_Float32, int]:
    """Returns the filter at each phase, shape (phases, taps), and how many input samples it reaches ahead."""
    low_rate = min(in_rate, out_rate)
    phases = min(out_rate // math.gcd(in_rate, out_rate), _MOST_PHASES)
    reach = math.ceil(_WHOLE_WIDTH * in_rate / low_rate / 2)
    offsets = np.arange(1 - reach, reach + 1)
    times = (np.arange(phases)[:, np.newaxis] / phases - offsets[np.newaxis, :]) / in_rate
    table = _impulse_response(times, low_rate, _WHOLE_WIDTH)
    table /= table.sum(axis=1, keepdims=True)
    return table.astype(np.float32), reach
