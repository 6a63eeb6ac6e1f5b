"""Frames that bypass the protocol layer are those that it would have made and understood."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from voxruntime.providers.text_frames import (
    MAX_MESSAGE_BYTES,
    WHOLE_TEXT,
    TextFrames,
    payload_place,
    text_frame,
)


def understood(octets: bytes) -> list[bytes]:
    """What a server of the protocol layer reads."""
    server = ServerProtocol()
    server.state = server.state.OPEN
    server.parser = server.parse()
    next(server.parser)
    server.receive_data(octets)
    assert server.parser_exc is None
    return [bytes(event.data) for event in server.events_received() if isinstance(event, Frame)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 200_000])
def test_a_server_understands_texts_of_every_length(size: int) -> None:
    texts = [b"a" * size, b"\xd0\xb6" * (size // 2)]
    assert understood(b"".join(map(text_frame, texts))) == texts


@pytest.mark.parametrize("size", [1, 2, 3, 4, 125, 126, 1327, 65535, 65536])
@pytest.mark.parametrize("count", [1, 5])
def test_frames_made_together_hold_what_those_made_alone_hold(size: int, count: int) -> None:
    payloads = np.random.default_rng(size).integers(32, 127, (count, size)).astype(np.uint8)
    together = TextFrames(b"?" * size, 7)
    together.texts[:count] = payloads
    frames = together.frames(count)
    alone = [text_frame(payload.tobytes()) for payload in payloads]
    assert [len(frame) for frame in frames] == [len(frame) for frame in alone]
    assert understood(b"".join(frames)) == understood(b"".join(alone)) == [row.tobytes() for row in payloads]


def test_texts_made_together_are_what_was_filled_in_last_whatever_was_made_before() -> None:
    together = TextFrames(b"#" * 200, 3)
    for fill in (b"a", b"b"):
        together.texts[:2, 10:190] = ord(fill)
        for _ in range(2):
            texts = understood(b"".join(together.frames(3)))
            assert texts == [b"#" * 10 + fill * 180 + b"#" * 10] * 2 + [b"#" * 200]


def test_each_frame_has_a_key_of_its_own() -> None:
    frames = {text_frame(b"") for _ in range(3000)}
    assert len(frames) > 2990
    assert len(set(TextFrames(b"a", 3000).frames(3000))) > 2990


@given(st.binary(max_size=70_000), st.binary(max_size=20))
def test_place_of_a_payload_is_where_the_protocol_layer_put_it(payload: bytes, after: bytes) -> None:
    octets = Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert octets[0] == WHOLE_TEXT
    start, length = payload_place(b"xx" + octets + after, 2)
    assert (start, length) == (2 + len(octets) - len(payload), len(payload))


@given(st.integers(0, MAX_MESSAGE_BYTES), st.integers(0, 9))
def test_a_cut_header_never_seems_complete(length: int, cut: int) -> None:
    head = Frame(Opcode.TEXT, b"").serialize(mask=False)[:1]
    if length < 126:
        head += bytes((length,))
    elif length < 65536:
        head += b"\x7e" + length.to_bytes(2, "big")
    else:
        head += b"\x7f" + length.to_bytes(8, "big")
    octets = head[:cut]
    if 0 < len(octets) < len(head):
        start, seeming = payload_place(octets, 0)
        assert start + seeming > len(octets)
        assert seeming <= length or len(head) == 2


def test_a_masked_frame_from_a_server_is_for_the_protocol_layer() -> None:
    assert payload_place(b"\x81\x85abcdehello", 0)[1] > MAX_MESSAGE_BYTES
