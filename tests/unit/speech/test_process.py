"""Contract of speech/process.py, in a thread: what is asked over the socket is answered over it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import transcription_stand as stand
from speech_extra import clip, silence, speech_extra
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
    Reply,
    Request,
    Role,
    Sound,
    Spoken,
    Synthesize,
    decode_reply,
    encode,
)
from voxruntime.speech.process import serve
from voxruntime.turn.framing import FrameReader, frame

__all__ = ["speech_extra"]

pytestmark = pytest.mark.usefixtures("speech_extra")


class Line:
    """The engine's end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._reader = FrameReader(2**26)
        self._replies: list[Reply] = []

    def send(self, *requests: Request) -> None:
        self._connection.sendall(b"".join(frame(encode(request)) for request in requests))

    def receive(self) -> Reply:
        while not self._replies:
            chunk = self._connection.recv(65536)
            assert chunk, "the speech process ended"
            self._replies += map(decode_reply, self._reader.feed(chunk))
        return self._replies.pop(0)


@contextmanager
def serving(role: Role) -> Iterator[Line]:
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    server = threading.Thread(target=serve, args=(theirs, role))
    server.start()
    try:
        yield Line(ours)
    finally:
        ours.close()
        server.join(30)
        theirs.close()
    assert not server.is_alive()


def detect(job: int, stream: int, seconds: float = 0.064) -> Detect:
    return Detect(job, stream, silence(seconds, 16000).tobytes(), 16000)


@pytest.mark.parametrize("role", Role)
def test_a_process_says_when_it_is_ready_and_ends_with_its_socket(role: Role) -> None:
    with serving(role) as line:
        assert line.receive() == Ready()


def test_voice_is_detected_before_what_was_asked_earlier() -> None:
    with serving(Role.VOICE) as line:
        line.receive()
        line.send(
            Synthesize(1, "Hello.", "en-US", "", 1.0), Synthesize(2, "Bye.", "en-US", "", 1.0), detect(3, 1)
        )
        reply = line.receive()
        assert isinstance(reply, Probabilities)
        assert (reply.job, len(reply.values)) == (3, 2)
        order = []
        while len(order) < 2:
            if isinstance(reply := line.receive(), Spoken):
                order.append(reply.job)
        assert order == [1, 2]


def test_streams_are_apart_and_end() -> None:
    with serving(Role.VOICE) as line:
        line.receive()
        line.send(
            detect(1, 1, 0.02), detect(2, 2, 0.02), detect(3, 1, 0.02), CloseStream(1), detect(4, 1, 0.02)
        )
        counts = [reply.values for _ in range(4) if isinstance(reply := line.receive(), Probabilities)]
        assert list(map(len, counts)) == [0, 0, 1, 0]


def test_what_was_cancelled_is_not_answered() -> None:
    with serving(Role.VOICE) as line:
        line.receive()
        line.send(
            Synthesize(1, "First.", "en-US", "", 1.0),
            Synthesize(2, "Second.", "en-US", "", 1.0),
            Cancel(2),
            Cancel(9),
            Synthesize(3, "x", "xx", "", 1.0),
        )
        replies = []
        while not isinstance(replies[-1] if replies else None, Failed):
            replies.append(line.receive())
        assert {reply.job for reply in replies if not isinstance(reply, Ready)} == {1, 3}
        assert isinstance(replies[0], Sound)


def test_a_failed_job_leaves_the_process_alone() -> None:
    pcm, rate = clip("en-hello")
    with serving(Role.RECOGNITION) as line:
        line.receive()
        line.send(Recognize(1, pcm.tobytes(), rate, ["hello"], "xx-XX"), Detect(2, 1, b"", 11025))
        line.send(Recognize(3, pcm.tobytes(), rate, ["hello", "goodbye"], "en-US"))
        replies = {reply.job: reply for _ in range(3) if not isinstance(reply := line.receive(), Ready)}
        assert isinstance(replies[1], Failed)
        assert isinstance(replies[2], Failed)
        assert isinstance(replies[3], Recognized)
        assert (replies[3].text, replies[3].is_match) == ("hello", True)


def test_a_slow_endpoint_keeps_no_other_job_waiting() -> None:
    release = threading.Event()
    slow = stand.Answer(stand.text("pizza").body, release=release)
    pcm, rate = clip("en-hello")
    with stand.endpoint(slow) as server, serving(Role.RECOGNITION) as line:
        line.receive()
        line.send(
            Recognize(1, pcm.tobytes(), rate, ["hello"], "en-US", Endpoint(server.url, "small", "")),
            Recognize(2, pcm.tobytes(), rate, ["hello"], "en-US"),
        )
        first = line.receive()
        assert isinstance(first, Recognized)
        assert (first.job, first.text) == (2, "hello")
        release.set()
        assert line.receive() == Recognized(1, "pizza", 1.0, False)


def test_an_endpoint_that_refuses_fails_the_job_alone() -> None:
    pcm, rate = clip("en-hello")
    with (
        stand.endpoint(stand.Answer(b"", 500), stand.text("hello")) as server,
        serving(Role.RECOGNITION) as line,
    ):
        line.receive()
        asked = Endpoint(server.url, "small", "")
        line.send(Recognize(1, pcm.tobytes(), rate, ["hello"], "en-US", asked))
        failed = line.receive()
        assert isinstance(failed, Failed)
        assert "status 500" in failed.reason
        line.send(Recognize(2, pcm.tobytes(), rate, ["hello"], "en-US", asked))
        assert line.receive() == Recognized(2, "hello", 1.0, True)
