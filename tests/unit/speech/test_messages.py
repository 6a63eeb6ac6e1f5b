"""Contract of speech/messages.py."""

from __future__ import annotations

import msgspec
import pytest

from voxruntime.speech import messages
from voxruntime.speech.messages import (
    Cancel,
    CloseStream,
    Detect,
    Endpoint,
    Failed,
    Probabilities,
    Ready,
    Recognize,
    Recognized,
    Sound,
    Spoken,
    Synthesize,
)

REQUESTS = [
    Detect(1, 2, b"\1\2", 8000),
    CloseStream(2),
    Recognize(3, b"", 16000, ["yes", "да"], "ru-RU"),
    Recognize(3, b"", 16000, [], "en-US", Endpoint("http://127.0.0.1/", "small", "key")),
    Synthesize(4, "Hello", "en-US", "", 1.5),
    Cancel(4),
]
REPLIES = [
    Ready(),
    Probabilities(1, [0.5]),
    Recognized(3, "да", 0.9, True),
    Sound(4, b"\0\0"),
    Spoken(4),
    Failed(4, "gone"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: type(each).__name__)
def test_requests_come_back_as_they_were(request_: messages.Request) -> None:
    assert messages.decode_request(messages.encode(request_)) == request_


@pytest.mark.parametrize("reply", REPLIES, ids=lambda each: type(each).__name__)
def test_replies_come_back_as_they_were(reply: messages.Reply) -> None:
    assert messages.decode_reply(messages.encode(reply)) == reply


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x91\xa6nobody"])
def test_what_is_no_message_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        messages.decode_request(body)
    with pytest.raises(msgspec.MsgspecError):
        messages.decode_reply(body)
