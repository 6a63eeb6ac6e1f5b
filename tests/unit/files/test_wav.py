"""WAV headers: every format that is read, every way to be none, and any bytes at all."""

from __future__ import annotations

import io
import struct
import wave
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.files.wav import (
    HEADER_BYTES,
    Encoding,
    SampleFormat,
    WavError,
    WavLayout,
    parse_wav,
    wav_header,
)

PCM, FLOAT, MU_LAW, EXTENSIBLE = 1, 3, 7, 0xFFFE


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WAVE" + b"".join(chunks)


def fmt(tag: int, channels: int, rate: int, bits: int, extra: bytes = b"") -> bytes:
    moment_bytes = channels * ((bits + 7) // 8)
    return chunk(
        b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * moment_bytes, moment_bytes, bits) + extra
    )


def kind_of(content: bytes) -> str:
    with pytest.raises(WavError) as caught:
        parse_wav(content)
    return caught.value.kind


@pytest.mark.parametrize("rate", [8000, 11025, 44100, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(
    ("tag", "bits", "encoding"),
    [
        (PCM, 8, Encoding.INTEGER),
        (PCM, 16, Encoding.INTEGER),
        (PCM, 24, Encoding.INTEGER),
        (PCM, 32, Encoding.INTEGER),
        (FLOAT, 32, Encoding.FLOAT),
        (FLOAT, 64, Encoding.FLOAT),
    ],
)
def test_parse_finds_the_samples_of_each_format(
    tag: int, bits: int, encoding: Encoding, channels: int, rate: int
) -> None:
    moment = bytes(channels * bits // 8)

    layout = parse_wav(riff(fmt(tag, channels, rate, bits), chunk(b"data", moment * 10)))

    assert layout == WavLayout(SampleFormat(encoding, bits // 8, channels, rate), HEADER_BYTES, 10)
    assert layout.duration_s == 10 / rate


def test_parse_reads_what_the_standard_library_writes() -> None:
    content = io.BytesIO()
    with wave.open(content, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(16000)
        writer.writeframes(bytes(400))

    assert parse_wav(content.getvalue()).moments == 100


def test_parse_reads_extensible_headers() -> None:
    tail = bytes.fromhex("000000001000800000aa00389b71")
    extra = struct.pack("<HHIH", 22, 24, 4, PCM) + tail

    layout = parse_wav(riff(fmt(EXTENSIBLE, 1, 48000, 24, extra), chunk(b"data", bytes(30))))

    assert (layout.format.sample_bytes, layout.moments) == (3, 10)


def test_parse_skips_other_chunks_of_odd_length() -> None:
    content = riff(
        chunk(b"LIST", b"abc"), fmt(PCM, 1, 8000, 16), chunk(b"cue ", b"x"), chunk(b"data", b"\1\2")
    )

    layout = parse_wav(content)

    assert content[layout.offset : layout.offset + 2] == b"\1\2"


def test_parse_leaves_alone_what_follows_the_samples() -> None:
    content = riff(fmt(PCM, 1, 8000, 16), chunk(b"data", bytes(20)), chunk(b"LIST", b"trailing bytes"))

    assert parse_wav(content + b"more").moments == 10


def test_parse_leaves_out_half_a_moment() -> None:
    assert parse_wav(riff(fmt(PCM, 2, 8000, 16), chunk(b"data", bytes(10)))).moments == 2


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFF000])
def test_parse_takes_a_length_left_open_by_a_pipe_for_the_rest_of_the_file(length: int) -> None:
    content = riff(fmt(PCM, 1, 8000, 16)) + b"data" + struct.pack("<I", length) + bytes(20)

    assert parse_wav(content).moments == 10


def test_a_file_without_sound_has_no_moments() -> None:
    assert parse_wav(riff(fmt(PCM, 1, 8000, 16), chunk(b"data", b""))).moments == 0


@pytest.mark.parametrize("length", range(1, 144))
def test_parse_says_that_a_file_is_cut_short_wherever_it_is_cut(length: int) -> None:
    whole = riff(fmt(PCM, 1, 8000, 16), chunk(b"data", bytes(100)))
    assert len(whole) == 144

    assert kind_of(whole[:length]) == "truncated"


def test_a_cut_is_told_in_seconds() -> None:
    whole = wav_header(8000, 1, 32000) + bytes(16000)

    with pytest.raises(WavError, match=r"2\.0 s announced, 1\.0 s there"):
        parse_wav(whole)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"ID3\x04rest of it", "an MP3 file"),
        (b"\xff\xfb\x90\x64rest of it", "an MP3 file"),
        (b"OggS rest of it", "an Ogg file"),
        (b"fLaC rest of it", "a FLAC file"),
        (b"FORM\0\0\0\0AIFF", "an AIFF file"),
        (b"\0\0\0\x20ftypM4A ", "an MP4 file"),
        (b"RIFX rest of it", "big-endian"),
        (b"RIFF\0\0\0\0AVI LIST", "RIFF file of another kind"),
        (riff(fmt(MU_LAW, 1, 8000, 8), chunk(b"data", bytes(8))), "µ-law"),
        (riff(fmt(0x1234, 1, 8000, 8), chunk(b"data", bytes(8))), "encoding 0x1234"),
        (riff(fmt(PCM, 1, 8000, 40), chunk(b"data", bytes(10))), "40 bits"),
        (riff(fmt(FLOAT, 1, 8000, 16), chunk(b"data", bytes(10))), "float samples of 16 bits"),
    ],
)
def test_parse_names_the_format_it_sees(content: bytes, problem: str) -> None:
    with pytest.raises(WavError, match=problem) as caught:
        parse_wav(content)

    assert caught.value.kind == "format"


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"\xff\xfe text in UTF-16", b"\xff", bytes(100)])
def test_bytes_that_are_no_sound_are_unknown(content: bytes) -> None:
    assert kind_of(content) == "unknown"


@pytest.mark.parametrize(
    "content",
    [
        riff(chunk(b"data", bytes(10)), fmt(PCM, 1, 8000, 16)),
        riff(fmt(PCM, 0, 8000, 16), chunk(b"data", bytes(10))),
        riff(fmt(PCM, 1, 0, 16), chunk(b"data", bytes(10))),
        riff(chunk(b"fmt ", struct.pack("<HHIIHH", PCM, 2, 8000, 16000, 2, 16)), chunk(b"data", bytes(10))),
    ],
)
def test_a_header_that_contradicts_itself_is_broken(content: bytes) -> None:
    assert kind_of(content) == "broken"


@given(st.binary(max_size=200))
def test_any_bytes_give_a_layout_or_the_documented_error(content: bytes) -> None:
    for start in (b"", b"RIFF\0\0\0\0WAVE", riff(fmt(PCM, 1, 8000, 16))):
        with suppress(WavError):
            parse_wav(start + content)


@given(st.sampled_from([8000, 16000, 48000]), st.integers(1, 2), st.integers(0, 500))
def test_parse_undoes_serialize(rate: int, channels: int, moments: int) -> None:
    data_bytes = moments * channels * 2

    header = wav_header(rate, channels, data_bytes)

    assert len(header) == HEADER_BYTES
    expected = WavLayout(SampleFormat(Encoding.INTEGER, 2, channels, rate), HEADER_BYTES, moments)
    assert parse_wav(header + bytes(data_bytes)) == expected
