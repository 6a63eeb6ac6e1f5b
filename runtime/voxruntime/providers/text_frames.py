"""Whole texts in WebSocket frames (RFC 6455 §5.2): all that a hot path needs of the framing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from websockets.frames import Opcode

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

MAX_MESSAGE_BYTES = 16 * 1024 * 1024

WHOLE_TEXT = 0x80 | Opcode.TEXT
MEDIUM_TEXT = WHOLE_TEXT << 8 | 126
"""First two bytes of a server's frame with a whole text of 126 to 65,535 bytes; the next two are its length."""
MEDIUM_HEAD_BYTES = 4
_IS_MASKED = 0x80
_TWO_BYTES, _EIGHT_BYTES = 126, 127
"""Length fields that say how long the real length field is (RFC 6455 §5.2)."""

_KEY_BYTES = 4
_KEYS_AT_ONCE = 1024


def _masking_keys() -> Iterator[bytes]:
    """Yields unpredictable keys (RFC 6455 §10.3), many from one system call."""
    while True:
        octets = os.urandom(_KEY_BYTES * _KEYS_AT_ONCE)
        for begin in range(0, len(octets), _KEY_BYTES):
            yield octets[begin : begin + _KEY_BYTES]


_keys = _masking_keys()


def text_frame(payload: bytes) -> bytes:
    """Returns a client's frame with a whole text."""
    key = next(_keys)
    return _head(len(payload)) + key + apply_mask(payload, key)


class TextFrames:
    """A client's frames with whole texts of one length, many at a time: what all have in common is written once.

    Fill in `texts`, then take the `frames`; what is filled in stays until it is overwritten.

    Args:
        text: What all texts begin as; ASCII.
        most: How many are made together at most.
    """

    def __init__(self, text: bytes, most: int) -> None:
        head = _head(len(text))
        # The key begins at a word, so that texts are masked in words; what lies before the head is not sent.
        unused = -len(head) % _KEY_BYTES
        key_at, size = unused + len(head), len(head) + _KEY_BYTES + len(text)
        row_words = -(-(unused + size) // _KEY_BYTES)
        self._masked = np.zeros((most, row_words * _KEY_BYTES), dtype=np.uint8)
        self._masked[:, unused:key_at] = np.frombuffer(head, dtype=np.uint8)
        self._masked_words = self._masked.view(np.uint32)[:, key_at // _KEY_BYTES :]
        # In the place of each key is nothing, which a key makes itself.
        self._words = np.zeros(self._masked_words.shape, dtype=np.uint32)
        self._frame = np.dtype((np.void, size))
        self._unused = unused
        self.texts = self._words.view(np.uint8)[:, _KEY_BYTES : _KEY_BYTES + len(text)]
        """uint8 of shape (most, bytes)."""
        self.texts[:] = np.frombuffer(text, dtype=np.uint8)

    def frames(self, count: int) -> list[bytes]:
        """Returns the frame, masked with a key of its own, of each of the first `count` texts."""
        words, masked = self._words[:count], self._masked_words[:count]
        keys = np.frombuffer(os.urandom(_KEY_BYTES * count), dtype=np.uint32)
        # A key for every word: with one for every row numpy takes twice as long.
        np.bitwise_xor(words, np.repeat(keys, words.shape[1]).reshape(words.shape), out=masked)
        # Bytes of their own: a transport may keep a reference until they are sent.
        frames = np.ndarray(count, self._frame, self._masked, self._unused, self._masked.strides[:1])
        octets: list[bytes] = frames.tolist()
        return octets


def _head(size: int) -> bytes:
    """Returns what stands before the key of a client's frame with a whole text of `size` bytes."""
    if size < _TWO_BYTES:
        return bytes((WHOLE_TEXT, _IS_MASKED | size))
    if size < 1 << 16:
        return bytes((WHOLE_TEXT, _IS_MASKED | _TWO_BYTES)) + size.to_bytes(2, "big")
    return bytes((WHOLE_TEXT, _IS_MASKED | _EIGHT_BYTES)) + size.to_bytes(8, "big")


def payload_place(octets: bytes, begin: int) -> tuple[int, int]:
    """Returns where the payload of a server's frame starts, and its length; as much as is known of a cut header."""
    length = octets[begin + 1] if begin + 1 < len(octets) else 0
    start = begin + 2
    if length == _TWO_BYTES:
        return start + 2, int.from_bytes(octets[start : start + 2], "big")
    if length == _EIGHT_BYTES:
        return start + 8, int.from_bytes(octets[start : start + 8], "big")
    if length & _IS_MASKED:
        # Against the rules: the protocol layer says so.
        return start, MAX_MESSAGE_BYTES + 1
    return start, length
