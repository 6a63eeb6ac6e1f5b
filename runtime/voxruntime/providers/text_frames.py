"""Whole texts in WebSocket frames (RFC 6455 §5.2): all that a hot path needs of the framing."""

from __future__ import annotations

import os
from collections.abc import Iterator

from websockets.frames import Opcode

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

MAX_MESSAGE_BYTES = 16 * 1024 * 1024

WHOLE_TEXT = 0x80 | Opcode.TEXT
_IS_MASKED = 0x80
_TWO_BYTES, _EIGHT_BYTES = 126, 127
"""Length fields that say how long the real length field is (RFC 6455 §5.2)."""

_KEYS_AT_ONCE = 1024


def _masking_keys() -> Iterator[bytes]:
    """Yields unpredictable keys (RFC 6455 §10.3), many from one system call."""
    while True:
        octets = os.urandom(4 * _KEYS_AT_ONCE)
        for begin in range(0, len(octets), 4):
            yield octets[begin : begin + 4]


_keys = _masking_keys()


def text_frame(payload: bytes) -> bytes:
    """Returns a client's frame with a whole text."""
    size = len(payload)
    if size < _TWO_BYTES:
        head = bytes((WHOLE_TEXT, _IS_MASKED | size))
    elif size < 1 << 16:
        head = bytes((WHOLE_TEXT, _IS_MASKED | _TWO_BYTES)) + size.to_bytes(2, "big")
    else:
        head = bytes((WHOLE_TEXT, _IS_MASKED | _EIGHT_BYTES)) + size.to_bytes(8, "big")
    key = next(_keys)
    return head + key + apply_mask(payload, key)


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
