"""Messages between engine and io process survive the way, and nothing else is taken for one."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voxruntime.files import messages
from voxruntime.files.messages import Reply, Request, Side, decode_reply, decode_request, encode

REQUESTS: list[Request] = [
    messages.LoadAudio(1, b"/a/\xff.wav", 8000, 60.0, 100),
    messages.ConvertAudio(1, b"\0\1", 8000, 16000),
    messages.ReadText(2, b"a.lua", 100),
    messages.Resolve(3, "localhost", 80),
    messages.OpenRecording(4, b"r.wav", 8000, 2),
    messages.OpenLines(5, b"t.txt"),
    messages.Append(4, bytes(range(256))),
    messages.CloseFile(4),
]
REPLIES: list[Reply] = [
    messages.Ready(),
    messages.JobFailed(1, Side.REMOTE, "net.dns", "No such host.", retryable=True),
    messages.AudioHead(1, 8000, 100),
    messages.AudioBlock(1, b"\0\1"),
    messages.TextRead(2, "привет"),
    messages.Resolved(3, [(2, "127.0.0.1")]),
    messages.FileOpened(4),
    messages.FileFailed(4, "no_space", "The disk is full.", 100),
    messages.FileClosed(4, 100),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda message: type(message).__name__)
def test_requests_survive(request_: Request) -> None:
    assert decode_request(encode(request_)) == request_


@pytest.mark.parametrize("reply", REPLIES, ids=lambda message: type(message).__name__)
def test_replies_survive(reply: Reply) -> None:
    assert decode_reply(encode(reply)) == reply


@given(st.binary(max_size=64))
@example(b"\x93\xa9text_read\x01\xa1\xff")
@example(b"\x91\xa1\xff")
def test_other_bytes_give_the_decoders_own_error(octets: bytes) -> None:
    for decode in (decode_request, decode_reply):
        with suppress(msgspec.DecodeError):
            decode(octets)
