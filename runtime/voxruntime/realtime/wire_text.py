"""Texts of the wire that hold audio: built for sending, taken apart for a log."""

from __future__ import annotations

import binascii

import msgspec
import numpy as np
import pybase64
from msgspec import Struct
from numpy.typing import NDArray

from voxruntime.audio.pcm import PCM16, encode
from voxruntime.errors import ProtocolBreach
from voxruntime.realtime.constants import APPEND_TYPE, AUDIO_DELTA_TYPES

_APPEND_START, _APPEND_END = f'{{"type":"{APPEND_TYPE}","audio":"', '"}'


def append_message(pcm: bytes) -> str:
    """Returns an `input_audio_buffer.append` of int16 little-endian mono audio."""
    return _APPEND_START + pybase64.b64encode_as_string(pcm) + _APPEND_END


def fill_appends(texts: NDArray[np.uint8], frames: PCM16) -> None:
    """Puts audio into texts that were made by `append_message` of as many bytes.

    Args:
        texts: uint8 of shape (streams, bytes): ASCII.
        frames: int16 of shape (streams, samples), at least one sample.
    """
    streams, frame_bytes = len(frames), frames.shape[1] * 2
    octets = encode(frames)
    # Base64 of whole rows is that of each, one after the other, if a row is a multiple of three bytes.
    missing = -frame_bytes % 3
    if missing:
        padded = np.zeros((streams, frame_bytes + missing), dtype=np.uint8)
        padded[:, :frame_bytes] = np.frombuffer(octets, dtype=np.uint8).reshape(streams, -1)
        octets = padded.tobytes()
    encoded = np.frombuffer(pybase64.b64encode(octets), dtype=np.uint8).reshape(streams, -1)
    # The padding is there already.
    end = encoded.shape[1] - missing
    texts[:, len(_APPEND_START) : len(_APPEND_START) + end] = encoded[:, :end]


def client_message(event_type: str, body: str) -> str:
    """Returns a message whose fields are those of `body`, spliced in as they are.

    Args:
        event_type: Wire type; letters, dots and underscores.
        body: JSON object without `type`.

    Raises:
        ProtocolBreach: `body` does not begin and end as an object does.
    """
    inner = body.strip()
    if not (inner.startswith("{") and inner.endswith("}") and len(inner) >= 2):
        raise ProtocolBreach(
            "realtime.body", f"The body of {event_type} must be a JSON object, got {body[:40]!r}."
        )
    fields = inner[1:-1].strip()
    return f'{{"type":"{event_type}",{fields}}}' if fields else f'{{"type":"{event_type}"}}'


def decode_audio(base64_text: str) -> bytes | None:
    """Returns the bytes of base64 text, strictly read; None when it is none."""
    try:
        return pybase64.b64decode(base64_text, None, True)
    except (binascii.Error, ValueError):
        return None


class AudioText(Struct, frozen=True):
    """A wire text around its audio: `before + base64 of pcm + after` is the text."""

    before: str
    pcm: bytes
    after: str


class _AudioHead(Struct, gc=False):
    type: str
    audio: str = ""
    delta: str = ""


_decode_audio_head = msgspec.json.Decoder(_AudioHead).decode


def split_audio(text: str) -> AudioText | None:
    """Returns the audio of an append or an audio delta apart from its text; None for any other text.

    A log writes `before`, a note of the audio's length and level, and `after`.
    """
    try:
        head = _decode_audio_head(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if head.type == APPEND_TYPE:
        base64_text = head.audio
    elif head.type in AUDIO_DELTA_TYPES:
        base64_text = head.delta
    else:
        return None
    pcm = decode_audio(base64_text)
    before, found, after = text.partition(f'"{base64_text}"')
    if pcm is None or not found:
        return None
    return AudioText(before + '"', pcm, '"' + after)
