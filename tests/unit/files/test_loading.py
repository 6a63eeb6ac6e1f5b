"""Sound files become 16-bit mono at a rate that ports know, or a clear error."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from voxruntime.audio.levels import dbfs
from voxruntime.audio.pcm import PCM16
from voxruntime.audio.tones import sine
from voxruntime.errors import ConfigError
from voxruntime.files.loading import load_audio
from voxruntime.files.wav import wav_header

PCM, FLOAT = 1, 3


def write_wav(
    path: Path, samples: bytes, *, tag: int = PCM, channels: int = 1, rate: int = 8000, bits: int = 16
) -> bytes:
    moment_bytes = channels * bits // 8
    layout = struct.pack("<HHIIHH", tag, channels, rate, rate * moment_bytes, moment_bytes, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout + b"data" + struct.pack("<I", len(samples)) + samples
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return os.fsencode(path)


def load(path: bytes, rate: int = 0, max_seconds: float = 60.0, max_bytes: int = 2**20) -> tuple[int, PCM16]:
    return load_audio(path, rate, max_seconds=max_seconds, max_bytes=max_bytes)


def failure(path: bytes, **limits: float) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_audio(
            path,
            0,
            max_seconds=limits.get("max_seconds", 60.0),
            max_bytes=int(limits.get("max_bytes", 2**20)),
        )
    assert caught.value.file == os.fsdecode(path)
    return caught.value


@pytest.mark.parametrize(
    ("samples", "tag", "bits"),
    [
        (bytes([0, 128, 255]), PCM, 8),
        (struct.pack("<3h", -32768, 0, 32512), PCM, 16),
        (b"\x00\x00\x80" + b"\0\0\0" + b"\x00\x00\x7f", PCM, 24),
        (struct.pack("<3i", -(2**31), 0, 0x7F000000), PCM, 32),
        (struct.pack("<3f", -1.0, 0.0, 32512 / 32768), FLOAT, 32),
        (struct.pack("<3d", -1.0, 0.0, 32512 / 32768), FLOAT, 64),
    ],
)
def test_each_format_gives_the_same_samples(tmp_path: Path, samples: bytes, tag: int, bits: int) -> None:
    rate, pcm = load(write_wav(tmp_path / "a.wav", samples, tag=tag, bits=bits))

    assert rate == 8000
    assert pcm.dtype == np.int16
    assert pcm.tolist() == [-32768, 0, 32512]


def test_floats_beyond_full_scale_saturate_and_those_that_are_no_numbers_are_silent(tmp_path: Path) -> None:
    samples = struct.pack("<5f", 1.5, -1.5, float("nan"), float("inf"), float("-inf"))

    _, pcm = load(write_wav(tmp_path / "a.wav", samples, tag=FLOAT, bits=32))

    assert pcm.tolist() == [32767, -32768, 0, 32767, -32768]


def test_channels_are_averaged(tmp_path: Path) -> None:
    samples = struct.pack("<6h", 30000, 30000, 30000, -30000, 0, 8000)

    _, pcm = load(write_wav(tmp_path / "a.wav", samples, channels=2))

    assert pcm.tolist() == [30000, 0, 4000]


def test_a_file_longer_than_one_block_keeps_every_sample(tmp_path: Path) -> None:
    expected = (np.arange(600_000) % 65536 - 32768).astype("<i2")

    _, pcm = load(write_wav(tmp_path / "a.wav", expected.tobytes(), rate=48000), max_bytes=2**21)

    assert np.array_equal(pcm, expected)


@pytest.mark.parametrize(
    ("own", "target"),
    [
        (8000, 8000),
        (11025, 16000),
        (22050, 24000),
        (32000, 44100),
        (44100, 44100),
        (48000, 48000),
        (96000, 48000),
    ],
)
def test_rate_is_the_files_or_the_next_above_it(tmp_path: Path, own: int, target: int) -> None:
    tone = sine(440.0, 0.5, own, level_dbfs=-20.0)

    rate, pcm = load(write_wav(tmp_path / "a.wav", tone.tobytes(), rate=own))

    assert rate == target
    assert abs(len(pcm) - target / 2) <= 2
    assert dbfs(pcm) == pytest.approx(-20.0, abs=0.1)


def test_rate_may_be_asked_for(tmp_path: Path) -> None:
    rate, pcm = load(write_wav(tmp_path / "a.wav", bytes(48000 * 2), rate=48000), rate=8000)

    assert (rate, len(pcm)) == (8000, 8000)


@pytest.mark.parametrize("rate", [4000, 384_000])
def test_rates_out_of_range_are_refused(tmp_path: Path, rate: int) -> None:
    error = failure(write_wav(tmp_path / "a.wav", bytes(100), rate=rate))

    assert error.code == "audio.rate"
    assert str(rate) in error.message


def test_missing_folder_and_empty_files_are_told_apart(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.write_bytes(b"")

    assert failure(os.fsencode(tmp_path / "none.wav")).code == "audio.not_found"
    assert failure(os.fsencode(tmp_path)).code == "audio.not_a_file"
    assert failure(os.fsencode(empty)).code == "audio.empty"
    assert failure(write_wav(tmp_path / "silent.wav", b"")).code == "audio.empty"


def test_an_mp3_is_told_with_the_command_that_converts_it(tmp_path: Path) -> None:
    path = tmp_path / "call.mp3"
    path.write_bytes(b"ID3\x03" + bytes(100))

    error = failure(os.fsencode(path))

    assert error.code == "audio.format"
    assert "MP3" in error.message
    assert "PCM WAV" in error.message
    assert "ffmpeg -i call.mp3" in error.message


def test_a_text_file_is_told_what_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello, this is text")

    error = failure(os.fsencode(path))

    assert error.code == "audio.unknown"
    assert "PCM WAV" in error.message


def test_a_cut_file_is_told_with_both_lengths(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes(wav_header(8000, 1, 160_000) + bytes(16_000))

    error = failure(os.fsencode(path))

    assert error.code == "audio.truncated"
    assert "10.0 s announced, 1.0 s there" in error.message


def test_size_is_checked_before_reading(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)

    error = failure(os.fsencode(path), max_bytes=64 * 2**20)

    assert error.code == "audio.too_large"
    assert "100.0 MiB" in error.message


def test_length_is_checked(tmp_path: Path) -> None:
    error = failure(write_wav(tmp_path / "long.wav", bytes(2 * 8000 * 61)), max_seconds=60.0)

    assert error.code == "audio.too_long"
    assert "1.0 minutes" in error.message
