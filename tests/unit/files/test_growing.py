"""Recordings and lines as the engine sees them, over a line that only notes what is sent."""

from __future__ import annotations

import asyncio

import pytest

from voxruntime.clock import WorkCount
from voxruntime.errors import ConfigError
from voxruntime.files.growing import MAX_BACKLOG_BYTES, Lines, Recording, RemoteFile
from voxruntime.files.messages import Append, CloseFile, FileClosed, FileFailed, FileOpened, FileRequest
from voxruntime.testing.virtual_loop import run


class Line:
    """A `FilePort` that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[FileRequest] = []
        self.backlog_bytes = 0

    def send(self, request: FileRequest) -> None:
        self.sent.append(request)


class Setting:
    """A growing file and all around it."""

    def __init__(self) -> None:
        self.line = Line()
        self.work = WorkCount()
        self.errors: list[tuple[str, str]] = []
        self.file = RemoteFile(
            7,
            "r.wav",
            "record",
            self.line,
            self.work,
            lambda code, message: self.errors.append((code, message)),
        )
        self.recording = Recording(self.file, 8000, 1)


def test_time_stands_still_until_the_file_is_made() -> None:
    setting = Setting()
    assert setting.work.running == 1

    setting.file.take(FileOpened(7))

    assert setting.work.running == 0


def test_ready_returns_once_the_file_is_made_and_raises_when_it_cannot_be() -> None:
    async def main() -> None:
        made, refused = Setting(), Setting()
        made.file.take(FileOpened(7))
        await made.recording.ready()

        refused.file.take(FileFailed(7, "no_folder", "There is no folder x.", 0))
        with pytest.raises(ConfigError, match=r"r\.wav: There is no folder x\. \[record\.no_folder\]"):
            await refused.recording.ready()
        assert refused.errors == [("record.no_folder", "There is no folder x.")]
        assert refused.work.running == 0

    run(main())


def test_long_writes_are_cut_and_nothing_is_lost() -> None:
    setting = Setting()
    octets = bytes(range(256)) * 10_000

    setting.recording.write(octets)

    assert len(setting.line.sent) == 3
    assert b"".join(part.chunk for part in setting.line.sent if isinstance(part, Append)) == octets


def test_close_waits_for_the_process_and_says_what_is_in_the_file() -> None:
    async def main() -> None:
        setting = Setting()
        setting.file.take(FileOpened(7))
        setting.recording.write(bytes(32000))
        closing = asyncio.ensure_future(setting.recording.close())
        again = asyncio.ensure_future(setting.recording.close())
        await asyncio.wait_for(asyncio.shield(_turn()), 1)
        assert setting.line.sent[-1] == CloseFile(7)
        assert setting.line.sent.count(CloseFile(7)) == 1
        assert not closing.done()
        assert setting.work.running == 1

        setting.file.take(FileClosed(7, 16000))

        assert await closing == 1.0
        assert await again == 1.0
        assert setting.work.running == 0

    run(main())


def test_time_stands_still_until_a_file_is_finished_or_has_failed() -> None:
    async def main() -> None:
        finished, failed = Setting(), Setting()
        for setting in (finished, failed):
            setting.file.take(FileOpened(7))
            setting.recording.finish()
            setting.recording.finish()
            assert setting.line.sent == [CloseFile(7)]
            assert setting.work.running == 1

        finished.file.take(FileClosed(7, 0))
        failed.file.fail("process_ended", "Gone.")

        for setting in (finished, failed):
            assert setting.work.running == 0
            setting.recording.finish()
            assert setting.work.running == 0

    run(main())


async def _turn() -> None:
    """Lets what is ready run."""
    ready = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(ready.set_result, None)
    await ready


def test_a_failure_is_told_once_and_ends_the_file() -> None:
    async def main() -> None:
        setting = Setting()
        setting.file.take(FileOpened(7))

        setting.file.take(FileFailed(7, "no_space", "The disk is full.", 16000))
        setting.file.fail("process_ended", "Gone.")
        setting.recording.write(bytes(100))

        assert setting.errors == [("record.no_space", "The disk is full.")]
        assert setting.line.sent == []
        assert await setting.recording.close() == 1.0
        assert setting.line.sent == []

    run(main())


def test_a_file_whose_process_died_counts_what_was_appended() -> None:
    async def main() -> None:
        setting = Setting()
        setting.recording.write(bytes(8000))

        setting.file.fail("process_ended", "The io process ended.")

        assert await setting.recording.close() == 0.5

    run(main())


def test_a_disk_that_falls_too_far_behind_ends_the_file() -> None:
    setting = Setting()
    setting.line.backlog_bytes = MAX_BACKLOG_BYTES

    setting.recording.write(bytes(320))

    assert [code for code, _ in setting.errors] == ["record.too_slow"]
    assert setting.line.sent == [CloseFile(7)]


def test_lines_are_utf8_and_end_with_a_newline() -> None:
    line = Line()
    lines = Lines(RemoteFile(1, "t.txt", "file", line, WorkCount(), lambda _code, _message: None))

    lines.write("привет")
    lines.write("lone surrogate \ud800")

    assert line.sent == [Append(1, "привет\n".encode()), Append(1, b"lone surrogate \\ud800\n")]
    assert lines.path == "t.txt"
