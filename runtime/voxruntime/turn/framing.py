"""Messages on a byte stream: each is a frame, its length as 4 bytes, big endian, then the body.

The body of an answer begins with a count of 8 bytes: how many bytes its sender has written to its log since the answer
before. Who gets it knows whether there are log lines to be read first, without looking.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeVar

import msgspec

T = TypeVar("T")

FRAME_HEADER = struct.Struct(">I")
HEADER_BYTES = 4
_ANSWER_HEADER = struct.Struct(">IQ")
_COUNT_BYTES = 8


def frame(body: bytes) -> bytes:
    """Returns `body` with its length in front, ready for the socket."""
    return FRAME_HEADER.pack(len(body)) + body


def answer(reply: bytes, log_bytes: int) -> bytes:
    """Returns the frame of a reply that follows `log_bytes` bytes of log."""
    return _ANSWER_HEADER.pack(_COUNT_BYTES + len(reply), log_bytes) + reply


def split_answer(body: bytes) -> tuple[bytes, int]:
    """Returns the reply in the body of an answer, and how many bytes of log it follows; any bytes will do."""
    return body[_COUNT_BYTES:], int.from_bytes(body[:_COUNT_BYTES])


class FrameTooLong(Exception):
    """A frame announces more bytes than its limit."""

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"frame of {length} bytes, limit {limit}")
        self.length = length
        self.limit = limit


class FrameReader:
    """Cuts a byte stream into frames.

    Args:
        limit: Longest body accepted, in bytes.
    """

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Gives the bodies that are complete once `chunk` has arrived.

        Raises:
            FrameTooLong: A header announces more than the limit; the stream is then unusable.
        """
        if not self._buffer and len(chunk) >= FRAME_HEADER.size:
            (length,) = FRAME_HEADER.unpack_from(chunk)
            if length == len(chunk) - FRAME_HEADER.size <= self._limit:
                # As nearly always: one whole frame.
                return iter((chunk[FRAME_HEADER.size :],))
        return self._cut(chunk)

    def _cut(self, chunk: bytes) -> Iterator[bytes]:
        self._buffer += chunk
        while len(self._buffer) >= FRAME_HEADER.size:
            (length,) = FRAME_HEADER.unpack_from(self._buffer)
            if length > self._limit:
                raise FrameTooLong(length, self._limit)
            end = FRAME_HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[FRAME_HEADER.size : end])
            del self._buffer[:end]
            yield body

    @property
    def is_mid_frame(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer)


def decode_body(decoder: msgspec.msgpack.Decoder[T], body: bytes) -> T:
    """Returns what a body says, whatever its bytes are.

    Raises:
        msgspec.DecodeError: It is no message of the decoder.
    """
    try:
        return decoder.decode(body)
    except (UnicodeDecodeError, RecursionError) as error:
        # msgspec lets these two pass, and a scenario process may send any bytes.
        raise msgspec.DecodeError(str(error)) from error
