"""Reading sound files as 16-bit mono. Runs in the io process, where it may block."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from voxruntime.audio.pcm import PCM16, RATES
from voxruntime.audio.resample import convert
from voxruntime.errors import ConfigError
from voxruntime.files.reading import read_file
from voxruntime.files.wav import Encoding, SampleFormat, WavError, WavLayout, parse_wav

MIN_RATE_HZ = 8000
MAX_RATE_HZ = 192_000

_EXPECTED = "a PCM WAV file"

_BLOCK_MOMENTS = 262_144
"""Moments decoded at once, so that a long file needs little more memory than its result."""


def load_audio(path: bytes, rate: int, *, max_seconds: float, max_bytes: int) -> tuple[int, PCM16]:
    """Reads a PCM WAV file as mono.

    Args:
        path: The file.
        rate: Hz that is wanted; 0 for the file's own, or the next one above it in RATES.
        max_seconds: Longest sound accepted.
        max_bytes: Largest file accepted; checked before reading.

    Returns:
        The rate in Hz and the samples, int16 of shape (samples,).

    Raises:
        ConfigError: `audio.` and `not_found`, `not_a_file`, `permission`, `empty`, `too_large`, `too_long`,
            `format`, `unknown`, `truncated`, `broken`, `rate` or `io`.
    """
    shown = os.fsdecode(path)
    content = read_file(path, "audio", _EXPECTED, max_bytes)
    if not content:
        raise ConfigError("audio.empty", f"It is empty; {_EXPECTED} is expected.", file=shown)
    try:
        layout = parse_wav(content)
    except WavError as error:
        problem = f"{error.problem} {_remedy(error, shown)}"
        raise ConfigError(f"audio.{error.kind}", problem, file=shown) from None
    _check(layout, shown, max_seconds)
    own_rate = layout.format.rate
    target = rate or next((supported for supported in RATES if supported >= own_rate), RATES[-1])
    pcm = decode_mono(content, layout)
    return target, pcm if target == own_rate else convert(pcm, own_rate, target)


def decode_mono(content: bytes, layout: WavLayout) -> PCM16:
    """Returns the samples of a WAV file, all channels averaged.

    Args:
        content: The whole file.
        layout: What `parse_wav` found in it.

    Returns:
        int16 of shape (layout.moments,).
    """
    mono = np.empty(layout.moments, dtype=np.int16)
    for start, stop in _blocks(layout.moments):
        offset = layout.offset + start * layout.format.moment_bytes
        octets = content[offset : offset + (stop - start) * layout.format.moment_bytes]
        samples = _as_int16_scale(octets, layout.format).reshape(-1, layout.format.channels)
        mono[start:stop] = np.clip(np.rint(samples.mean(axis=1)), -32768, 32767)
    return mono


def _blocks(moments: int) -> Iterator[tuple[int, int]]:
    for start in range(0, moments, _BLOCK_MOMENTS):
        yield start, min(start + _BLOCK_MOMENTS, moments)


def _as_int16_scale(octets: bytes, sample_format: SampleFormat) -> NDArray[np.float64]:
    """Returns samples of any format as floats in int16's units."""
    width = sample_format.sample_bytes
    if sample_format.encoding is Encoding.FLOAT:
        floats = np.frombuffer(octets, dtype=f"<f{width}").astype(np.float64)
        # Infinite samples and those that are no numbers occur in files of broken encoders.
        return np.clip(np.nan_to_num(floats, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0) * 32768
    if width == 1:
        return (np.frombuffer(octets, dtype=np.uint8).astype(np.float64) - 128) * 256
    if width == 3:
        # Each sample becomes the upper three bytes of a 32-bit one.
        widened = np.zeros((len(octets) // 3, 4), dtype=np.uint8)
        widened[:, 1:] = np.frombuffer(octets, dtype=np.uint8).reshape(-1, 3)
        octets, width = widened.tobytes(), 4
    return np.frombuffer(octets, dtype=f"<i{width}").astype(np.float64) / 256.0 ** (width - 2)


def _check(layout: WavLayout, shown: str, max_seconds: float) -> None:
    rate = layout.format.rate
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise ConfigError(
            "audio.rate", f"Its rate is {rate} Hz; {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz are read.", file=shown
        )
    if not layout.moments:
        raise ConfigError("audio.empty", "It is a WAV file without sound.", file=shown)
    if layout.duration_s > max_seconds:
        raise ConfigError(
            "audio.too_long",
            f"It lasts {layout.duration_s / 60:.1f} minutes; {max_seconds / 60:.1f} are the most. Cut it.",
            file=shown,
        )


def _remedy(error: WavError, shown: str) -> str:
    if error.kind == "format":
        name = os.path.basename(shown)
        stem, _ = os.path.splitext(name)
        return f"A PCM WAV file is expected; convert it: ffmpeg -i {name} -c:a pcm_s16le {stem}.pcm.wav"
    if error.kind == "unknown":
        return "A PCM WAV file is expected."
    return "Make it again, or copy it again from where it came."
