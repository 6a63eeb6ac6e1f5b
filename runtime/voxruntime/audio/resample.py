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

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from voxruntime.audio.pcm import PCM16, RATES, frame_samples
from voxruntime.errors import FrameMismatch, InternalError

_Float32 = NDArray[np.float32]
_Float64 = NDArray[np.float64]

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

_FRAMES_AT_ONCE = 128
"""Frames of one matrix product: enough for a slot of the engine, few enough for the core's own cache."""

_SAMPLE_BYTES = 2


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


@functools.cache
def _room(in_rate: int, out_rate: int) -> tuple[_Float32, _Float32]:
    """Returns room for the windows of one batch and for their product, shared by all resamplers of the two rates.

    Fresh arrays of this size are fresh pages, which cost more than the arithmetic, and one place for all stays in the
    processor's cache. So batches run one after the other: resamplers are for one thread.
    """
    kernel = _kernel(in_rate, out_rate)
    blocks = _FRAMES_AT_ONCE * frame_samples(in_rate) // kernel.block_in
    windows = np.empty((blocks, kernel.history + kernel.block_in), dtype=np.float32)
    return windows, np.empty((blocks, kernel.block_out), dtype=np.float32)


class Resampler:
    """Converts 20 ms frames of many streams from one rate to another, exactly one frame out for each in.

    It holds nothing of any stream: the end of the frame before is all that a frame's sound depends on, so each comes
    with the one before it.

    Args:
        in_rate: Hz, one of RATES.
        out_rate: Hz, another one of RATES.
    """

    def __init__(self, in_rate: int, out_rate: int) -> None:
        self._kernel = _kernel(in_rate, out_rate)
        self._windows, self._filtered = _room(in_rate, out_rate)
        self._frame_in = frame_samples(in_rate)
        self._frame_out = frame_samples(out_rate)

    @property
    def delay_s(self) -> float:
        """Seconds from a sound in the input to the same sound in the output."""
        return self._kernel.delay_s

    def process(self, before: Sequence[PCM16], frames: Sequence[PCM16]) -> PCM16:
        """Returns the frames at the other rate.

        Args:
            before: The frame before each; silence where a stream begins.
            frames: One of each stream: int16, contiguous, of shape (samples of a frame at the input rate,).

        Returns:
            int16 of shape (len(frames), samples of a frame at the output rate), not used again.

        Raises:
            FrameMismatch: The frames have another length.
        """
        converted = np.empty((len(frames), self._frame_out), dtype=np.int16)
        for begin in range(0, len(frames), _FRAMES_AT_ONCE):
            batch = slice(begin, begin + _FRAMES_AT_ONCE)
            self._process_batch(before[batch], frames[batch], converted[batch])
        return converted

    def _process_batch(self, before: Sequence[PCM16], frames: Sequence[PCM16], converted: PCM16) -> None:
        kernel, count, frame_in = self._kernel, len(frames), self._frame_in
        pairs = zip(before, frames, strict=False)
        # Half of np.concatenate's time. Arrays are buffers, which their types say from Python 3.12 on.
        heard = b"".join(itertools.chain.from_iterable(pairs))  # type: ignore[arg-type]
        if len(heard) != count * 2 * frame_in * _SAMPLE_BYTES:
            raise FrameMismatch(
                f"{frame_in} samples, each with one before", f"{len(heard)} bytes for {count}"
            )
        blocks, length = frame_in // kernel.block_in, len(kernel.matrix)
        windows = self._windows[: count * blocks]
        # One window per block, each with its history. BLAS wants rows that do not overlap, so they are copied.
        windows.reshape(count, blocks, length)[...] = np.ndarray(
            (count, blocks, length),
            np.int16,
            heard,
            (frame_in - kernel.history) * _SAMPLE_BYTES,
            (2 * frame_in * _SAMPLE_BYTES, kernel.block_in * _SAMPLE_BYTES, _SAMPLE_BYTES),
        )
        filtered = self._filtered[: count * blocks]
        kernel.apply(windows, filtered)
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
        # As above, BLAS wants them copied.
        windows = sliding_window_view(heard[: used + kernel.history], len(kernel.matrix))[:: kernel.block_in]
        filtered = np.empty((blocks, kernel.block_out), dtype=np.float32)
        kernel.apply(np.ascontiguousarray(windows), filtered)
        return filtered.astype(np.int16).reshape(-1)


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
