"""Growing files: valid at every moment, and clear when the disk says no."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import pytest

from file_limits import file_size_limit
from unprivileged import unprivileged
from voxruntime.files.wav import HEADER_BYTES, parse_wav
from voxruntime.files.writing import FLUSH_S, GrowingFile, LinesFile, WavFile, WriteError


def seconds_in(path: Path) -> float:
    return parse_wav(path.read_bytes()).duration_s


def open_wav(path: Path) -> GrowingFile:
    return WavFile(os.fsencode(path), 8000, 1)


def open_lines(path: Path) -> GrowingFile:
    return LinesFile(os.fsencode(path))


def test_a_recording_is_valid_from_its_first_byte(tmp_path: Path) -> None:
    path = tmp_path / "r.wav"

    WavFile(os.fsencode(path), 16000, 2)

    layout = parse_wav(path.read_bytes())
    assert (layout.format.rate, layout.format.channels, layout.moments) == (16000, 2, 0)


def test_a_recording_is_valid_after_each_append_and_at_most_half_a_second_behind(tmp_path: Path) -> None:
    path = tmp_path / "r.wav"
    recording = WavFile(os.fsencode(path), 8000, 1)

    for count in range(1, 200):
        recording.append(bytes(320))
        assert count * 0.02 - FLUSH_S <= seconds_in(path) <= count * 0.02


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "r.wav"
    recording = WavFile(os.fsencode(path), 8000, 2)
    recording.append(b"\1\0\2\0" * 80)

    recording.close()

    assert recording.written_bytes == 320
    with wave.open(str(path)) as reader:
        assert reader.readframes(1000) == b"\1\0\2\0" * 80


def test_a_file_that_is_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "r.wav"
    path.write_bytes(b"x" * 1000)

    WavFile(os.fsencode(path), 8000, 1).close()

    assert len(path.read_bytes()) == HEADER_BYTES


def test_a_full_disk_leaves_the_recording_valid_as_far_as_it_came(tmp_path: Path) -> None:
    path = tmp_path / "r.wav"
    recording = WavFile(os.fsencode(path), 8000, 2)
    with file_size_limit(HEADER_BYTES + 20_001):
        recording.append(b"\1\0\2\0" * 4000)
        with pytest.raises(WriteError) as caught:
            recording.append(b"\1\0\2\0" * 4000)

    assert caught.value.kind == "no_space"
    assert recording.written_bytes == 20_000
    layout = parse_wav(path.read_bytes())
    assert layout.moments == 5000
    recording.close()
    assert parse_wav(path.read_bytes()) == layout


def test_a_recording_ends_at_the_most_the_format_can_count(tmp_path: Path) -> None:
    path = tmp_path / "r.wav"
    recording = WavFile(os.fsencode(path), 8000, 1, max_data_bytes=9001)

    with pytest.raises(WriteError) as caught:
        recording.append(bytes(16_000))

    assert caught.value.kind == "too_long"
    assert recording.written_bytes == 9000
    assert parse_wav(path.read_bytes()).moments == 4500


def test_lines_are_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = LinesFile(os.fsencode(path))

    lines.append(b"one\n")
    assert path.read_bytes() == b"one\n"
    lines.append(b"two\n")
    lines.close()

    assert path.read_bytes() == b"one\ntwo\n"
    assert lines.written_bytes == 8


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = LinesFile(os.fsencode(path))
    lines.append(b"first line\n")
    with file_size_limit(30), pytest.raises(WriteError) as caught:
        lines.append(b"second line\nthird line\n")

    assert caught.value.kind == "no_space"
    assert path.read_bytes() == b"first line\nsecond line\n"
    assert lines.written_bytes == 23


@pytest.mark.parametrize("open_file", [open_wav, open_lines])
def test_a_missing_folder_is_named(tmp_path: Path, open_file: object) -> None:
    assert callable(open_file)
    with pytest.raises(WriteError) as caught:
        open_file(tmp_path / "none" / "r.wav")

    assert caught.value.kind == "no_folder"
    assert str(tmp_path / "none") in caught.value.problem


@pytest.mark.parametrize("open_file", [open_wav, open_lines])
def test_folders_and_pipes_are_no_files(tmp_path: Path, open_file: object) -> None:
    assert callable(open_file)
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(WriteError) as caught:
            open_file(path)
        assert caught.value.kind == "not_a_file"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_disk_full_from_the_start_is_told_at_once() -> None:
    with pytest.raises(WriteError) as caught:
        open_wav(Path("/dev/full"))

    assert caught.value.kind == "no_space"


def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with unprivileged(), pytest.raises(WriteError) as caught:
        open_wav(tmp_path / "r.wav")

    assert caught.value.kind == "permission"
    assert str(tmp_path) in caught.value.problem


def test_other_errors_are_told_in_the_systems_words(tmp_path: Path) -> None:
    with pytest.raises(WriteError) as caught:
        open_lines(tmp_path / ("x" * 300))

    assert caught.value.kind == "io"
    assert "too long" in caught.value.problem
