"""RIFF/WAVE headers, read and written. Pure; the samples themselves are decoded in `loading`.

The standard library's `wave` knows neither float samples nor (before Python 3.12) extensible headers, and
takes a file that was cut short for a shorter one. Source: "Multimedia Programming Interface and Data
Specifications 1.0" (RIFF, WAVE) and Microsoft's WAVEFORMATEXTENSIBLE.
"""

from __future__ import annotations

import struct
from enum import Enum

import msgspec

HEADER_BYTES = 44
"""Length of what `wav_header` writes."""

MAX_DATA_BYTES = 2**32 - 1 - HEADER_BYTES
"""Most samples, in bytes, that a header's 32-bit sizes can announce."""

_RIFF = struct.Struct("<4sI4s")
_CHUNK = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")
_WRITTEN = struct.Struct("<4sI4s4sIHHIIHH4sI")

_PCM, _FLOAT, _EXTENSIBLE = 0x0001, 0x0003, 0xFFFE
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_OTHER_ENCODINGS = {
    0x0002: "ADPCM",
    0x0006: "A-law",
    0x0007: "µ-law",
    0x0011: "IMA ADPCM",
    0x0031: "GSM 6.10",
    0x0050: "MPEG",
    0x0055: "MP3",
}

# A program that writes to a pipe cannot fill the length in later: it leaves the largest value, or nearly so.
_LENGTH_UNKNOWN = 0x7FFF0000

_FOREIGN = (
    (b"ID3", "an MP3 file"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "a FLAC file"),
    (b"FORM", "an AIFF file"),
    (b".snd", "an AU file"),
    (b"RIFX", "a big-endian WAV file (RIFX)"),
    (b"RF64", "a WAV file of more than 4 GB (RF64)"),
    (b"caff", "a Core Audio file"),
    (b"#!AMR", "an AMR file"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM file"),
)


class Encoding(Enum):
    """What the bytes of a sample mean."""

    INTEGER = "integer"
    FLOAT = "float"


_ENCODINGS = {_PCM: Encoding.INTEGER, _FLOAT: Encoding.FLOAT}
_SAMPLE_BYTES = {Encoding.INTEGER: (1, 2, 3, 4), Encoding.FLOAT: (4, 8)}


class SampleFormat(msgspec.Struct, frozen=True):
    """How sound is stored.

    Attributes:
        encoding: Little-endian integers (unsigned where they have one byte) or floats of -1.0 to 1.0.
        sample_bytes: Bytes of one sample.
        channels: Samples of one moment, 1 or more.
        rate: Hz.
    """

    encoding: Encoding
    sample_bytes: int
    channels: int
    rate: int

    @property
    def moment_bytes(self) -> int:
        """Bytes of the samples of all channels at one moment."""
        return self.sample_bytes * self.channels


class WavLayout(msgspec.Struct, frozen=True):
    """Where the samples of a WAV file are.

    Attributes:
        format: What they are.
        offset: Byte at which the first one begins.
        moments: How many the file holds of each channel; 0 for a file without sound.
    """

    format: SampleFormat
    offset: int
    moments: int

    @property
    def duration_s(self) -> float:
        """Seconds of sound."""
        return self.moments / self.format.rate


class WavError(Exception):
    """The bytes are no WAV file that can be read.

    Attributes:
        kind: `format` (sound of another format), `unknown` (no sound), `truncated` or `broken`.
        problem: One sentence about the bytes.
    """

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(kind, problem)
        self.kind = kind
        self.problem = problem


def parse_wav(content: bytes) -> WavLayout:
    """Finds the samples in the bytes of a whole file.

    Bytes after the samples are left alone; an unfinished last moment (a stereo pair cut in half) is left out.

    Raises:
        WavError: Not a WAV file, not PCM or float, cut short, or with a header that contradicts itself.
    """
    if len(content) < _RIFF.size or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise _not_wav(content)
    sample_format: SampleFormat | None = None
    position = _RIFF.size
    while position + _CHUNK.size <= len(content):
        name, length = _CHUNK.unpack_from(content, position)
        body = position + _CHUNK.size
        if name == b"fmt ":
            sample_format = _parse_format(content[body : body + length])
        elif name == b"data":
            if sample_format is None:
                raise WavError("broken", "Its sound comes before the description of its format.")
            return _locate(sample_format, body, length, len(content) - body)
        position = body + length + length % 2  # chunks begin at even bytes
    raise WavError("truncated", "It is cut short: it ends before the sound begins.")


def wav_header(rate: int, channels: int, data_bytes: int) -> bytes:
    """Returns the 44 bytes before `data_bytes` of interleaved 16-bit samples."""
    moment_bytes = channels * 2
    return _WRITTEN.pack(
        *(b"RIFF", data_bytes + HEADER_BYTES - 8, b"WAVE"),
        *(b"fmt ", _FORMAT.size, _PCM, channels, rate, rate * moment_bytes, moment_bytes, 16),
        *(b"data", data_bytes),
    )


def _parse_format(body: bytes) -> SampleFormat:
    if len(body) < _FORMAT.size:
        raise WavError("truncated", "It is cut short: it ends within the description of its format.")
    tag, channels, rate, _, moment_bytes, bits = _FORMAT.unpack_from(body)
    if tag == _EXTENSIBLE and body[26:40] == _SUBFORMAT_TAIL:
        tag = int.from_bytes(body[24:26], "little")
    encoding = _ENCODINGS.get(tag)
    if encoding is None:
        name = _OTHER_ENCODINGS.get(tag, f"encoding 0x{tag:04x}")
        raise WavError("format", f"It is a WAV file with {name} samples.")
    sample_bytes = (bits + 7) // 8
    if sample_bytes not in _SAMPLE_BYTES[encoding]:
        raise WavError("format", f"It is a WAV file with {encoding.value} samples of {bits} bits.")
    if not channels or not rate or moment_bytes != channels * sample_bytes:
        raise WavError(
            "broken",
            f"Its header contradicts itself: {channels} channels of {bits} bits at {rate} Hz "
            f"in {moment_bytes} bytes.",
        )
    return SampleFormat(encoding, sample_bytes, channels, rate)


def _locate(sample_format: SampleFormat, offset: int, announced: int, present: int) -> WavLayout:
    if announced >= _LENGTH_UNKNOWN:
        announced = present
    if announced > present:
        bytes_per_s = sample_format.moment_bytes * sample_format.rate
        lengths = f"{announced / bytes_per_s:.1f} s announced, {present / bytes_per_s:.1f} s there"
        raise WavError("truncated", f"It is cut short: {lengths}.")
    return WavLayout(sample_format, offset, announced // sample_format.moment_bytes)


def _not_wav(content: bytes) -> WavError:
    if len(content) < _RIFF.size and b"RIFF".startswith(content[:4]):
        return WavError("truncated", "It is cut short: it ends within its header.")
    if content[:4] == b"RIFF":
        return WavError("format", f"It is a RIFF file of another kind: {content[8:12]!r}.")
    for magic, name in _FOREIGN:
        if content.startswith(magic):
            return WavError("format", f"It is {name}.")
    if content[4:8] == b"ftyp":
        return WavError("format", "It is an MP4 file.")
    # ISO/IEC 11172-3 §2.4.2.3: 11 bits of sync, two of the version, two that say "Layer III".
    if content[0] == 0xFF and content[1:2] >= b"\xe0" and content[1] & 0b110 == 0b010:
        return WavError("format", "It is an MP3 file.")
    return WavError("unknown", "It is no sound file.")
