"""Whole texts in WebSocket frames (RFC 6455 §5.2): all that a hot path needs of the framing."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
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


def text_frames(payloads: NDArray[np.uint8]) -> list[bytes]:
    """Returns a client's frame, with a key of its own, for each row of `payloads`: uint8 of shape (texts, bytes)."""
    texts, size = payloads.shape
    head = _head(size)
    # The payload begins at a word, so that it is masked in words: bytes before the head and behind the payload are not sent.
    unused = -len(head) % _KEY_BYTES
    key_at, begin = unused + len(head), unused + len(head) + _KEY_BYTES
    row_words = -(-(begin + size) // _KEY_BYTES)
    rows = np.zeros((texts, row_words * _KEY_BYTES), dtype=np.uint8)
    rows[:, begin : begin + size] = payloads
    words = rows.view(np.uint32)
    keys = np.frombuffer(os.urandom(_KEY_BYTES * texts), dtype=np.uint32)
    # A key for every word: with one for every row numpy takes twice as long.
    words ^= np.repeat(keys, row_words).reshape(words.shape)
    words[:, key_at // _KEY_BYTES] = keys
    rows[:, unused:key_at] = np.frombuffer(head, dtype=np.uint8)
    # Bytes of their own: a transport may keep a reference until they are sent.
    octets = rows.tobytes()
    return [octets[at : at - unused + begin + size] for at in range(unused, len(octets), rows.shape[1])]


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
