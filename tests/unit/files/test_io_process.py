"""The io process's loop, run in a thread with the test at the other end of its socket."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from file_limits import file_size_limit
from voxruntime.files.io_process import serve
from voxruntime.files.messages import (
    Append,
    AudioBlock,
    AudioHead,
    CloseFile,
    ConvertAudio,
    FileClosed,
    FileFailed,
    FileOpened,
    JobFailed,
    LoadAudio,
    OpenLines,
    OpenRecording,
    ReadText,
    Ready,
    Reply,
    Request,
    Resolve,
    Resolved,
    Side,
    TextRead,
    decode_reply,
    encode,
)
from voxruntime.files.wav import HEADER_BYTES, parse_wav, wav_header
from voxruntime.turn.framing import FrameReader, frame


class Engine:
    """The engine's end of the line."""

    def __init__(self) -> None:
        self.connection, theirs = socket.socketpair()
        self.connection.settimeout(10)
        self._reader = FrameReader(2**26)
        self._replies: list[Reply] = []
        self._server = threading.Thread(target=self._run, args=(theirs,))
        self._server.start()

    def _run(self, theirs: socket.socket) -> None:
        with theirs:
            serve(theirs)

    def send(self, *requests: Request) -> None:
        self.connection.sendall(b"".join(frame(encode(request)) for request in requests))

    def receive(self) -> Reply:
        while not self._replies:
            chunk = self.connection.recv(65536)
            assert chunk, "the io process ended"
            self._replies += map(decode_reply, self._reader.feed(chunk))
        return self._replies.pop(0)

    def finish(self) -> None:
        """Closes the engine's end, as its death does."""
        self.connection.close()
        self._server.join(10)
        assert not self._server.is_alive()


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine()
    assert engine.receive() == Ready()
    yield engine
    engine.finish()


def test_requests_that_come_byte_by_byte_are_answered(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")

    for octet in frame(encode(ReadText(1, os.fsencode(tmp_path / "a.txt"), 100))):
        engine.connection.sendall(bytes([octet]))

    assert engine.receive() == TextRead(1, "hello")


def test_sound_comes_as_a_head_and_blocks(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    octets = bytes(range(256)) * 400
    path.write_bytes(wav_header(16000, 1, len(octets)) + octets)

    engine.send(LoadAudio(1, os.fsencode(path), 0, 60.0, 2**20))

    assert engine.receive() == AudioHead(1, 16000, len(octets) // 2)
    first, second = engine.receive(), engine.receive()
    assert isinstance(first, AudioBlock)
    assert isinstance(second, AudioBlock)
    assert first.pcm + second.pcm == octets


def test_sound_is_converted(engine: Engine) -> None:
    engine.send(ConvertAudio(1, bytes(1600), 8000, 16000))

    assert engine.receive() == AudioHead(1, 16000, 1600)


def test_a_failed_job_says_whose_fault_it_is(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\n\xff")

    engine.send(ReadText(1, os.fsencode(tmp_path / "bad.txt"), 100))
    unreadable = engine.receive()
    engine.send(Resolve(2, "x" * 100, 80))
    unknown_host = engine.receive()
    engine.send(ConvertAudio(3, b"", 0, 0))
    bug = engine.receive()

    assert isinstance(unreadable, JobFailed)
    assert (unreadable.side, unreadable.code, unreadable.line) == (Side.OPERATOR, "file.encoding", 2)
    assert isinstance(unknown_host, JobFailed)
    assert (unknown_host.side, unknown_host.code) == (Side.REMOTE, "net.dns")
    assert isinstance(bug, JobFailed)
    assert (bug.side, bug.code) == (Side.VOXRT, "internal.io_process")


def test_numeric_addresses_resolve_to_themselves_once(engine: Engine) -> None:
    engine.send(Resolve(1, "127.0.0.1", 80))

    assert engine.receive() == Resolved(1, [(int(socket.AF_INET), "127.0.0.1")])


def test_files_grow_side_by_side(engine: Engine, tmp_path: Path) -> None:
    engine.send(
        OpenRecording(1, os.fsencode(tmp_path / "r.wav"), 8000, 1),
        OpenLines(2, os.fsencode(tmp_path / "t.txt")),
        Append(1, bytes(100)),
        Append(2, b"line\n"),
        CloseFile(1),
        CloseFile(2),
    )

    replies = [engine.receive() for _ in range(4)]

    assert replies == [FileOpened(1), FileOpened(2), FileClosed(1, 100), FileClosed(2, 5)]


def test_a_file_that_cannot_be_made_gets_one_reply_whatever_follows(engine: Engine, tmp_path: Path) -> None:
    engine.send(
        OpenLines(1, os.fsencode(tmp_path / "none" / "t.txt")),
        Append(1, b"line\n"),
        CloseFile(1),
        OpenLines(2, os.fsencode(tmp_path / "t.txt")),
    )

    failed = engine.receive()

    assert isinstance(failed, FileFailed)
    assert (failed.file, failed.kind, failed.written_bytes) == (1, "no_folder", 0)
    assert engine.receive() == FileOpened(2)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_file_that_fails_later_gets_one_reply_and_others_go_on(engine: Engine, tmp_path: Path) -> None:
    engine.send(OpenLines(1, b"/dev/full"), OpenLines(2, os.fsencode(tmp_path / "t.txt")))
    engine.send(Append(1, b"line\n"), Append(1, b"line\n"), CloseFile(1), Append(2, b"line\n"), CloseFile(2))

    replies = [engine.receive() for _ in range(4)]

    assert replies[:2] == [FileOpened(1), FileOpened(2)]
    assert isinstance(replies[2], FileFailed)
    assert (replies[2].kind, replies[2].written_bytes) == ("no_space", 0)
    assert replies[3] == FileClosed(2, 5)


def test_a_file_that_fails_at_its_end_gets_one_reply_and_is_closed_once(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second time would close what another thread has opened meanwhile."""
    close, refused = os.close, []

    def close_and_tell(descriptor: int) -> None:
        try:
            close(descriptor)
        except OSError:
            refused.append(descriptor)
            raise

    monkeypatch.setattr(os, "close", close_and_tell)
    path = os.fsencode(tmp_path / "r.wav")
    with file_size_limit(HEADER_BYTES + 101):
        engine.send(OpenRecording(1, path, 8000, 1), Append(1, bytes(320)), CloseFile(1), CloseFile(1))
        replies = [engine.receive() for _ in range(2)]
    engine.send(OpenLines(2, os.fsencode(tmp_path / "t.txt")))

    assert isinstance(replies[1], FileFailed)
    assert (replies[1].kind, replies[1].written_bytes) == ("no_space", 100)
    assert engine.receive() == FileOpened(2)
    assert parse_wav((tmp_path / "r.wav").read_bytes()).moments == 50
    assert refused == []


def test_files_are_finished_when_the_engine_is_gone(tmp_path: Path) -> None:
    engine = Engine()
    engine.send(OpenRecording(1, os.fsencode(tmp_path / "r.wav"), 8000, 1), Append(1, bytes(320)))

    engine.finish()

    assert parse_wav((tmp_path / "r.wav").read_bytes()).moments == 160
