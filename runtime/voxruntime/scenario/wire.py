"""What the zygote, a session process and the engine say to each other beside the turn protocol."""

from __future__ import annotations

import struct

import msgspec

FORK = b"f"
"""Asks the zygote for a session process; the turn and the log socket come with it."""

ZYGOTE_REPLY = struct.Struct(">ci")
READY = b"r"
"""The zygote can fork from now on; its number is 0."""
FORKED = b"p"
"""A session process was started; the number is its pid."""
FAILED = b"e"
"""Forking failed; the number is the errno."""

EXIT_OUT_OF_MEMORY = 77
"""Exit status of a session process that passed its address space."""


class Hello(msgspec.Struct, array_like=True, frozen=True, tag="hello"):
    """First frame of a session process on its turn socket.

    Attributes:
        isolation: What confines it: `on`, or why it was refused, by name.
    """

    isolation: dict[str, str]


decode_hello = msgspec.msgpack.Decoder(Hello).decode
