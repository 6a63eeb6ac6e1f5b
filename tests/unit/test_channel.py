"""One run of a helper process, here the io process: its start, its end, the token held while it falls behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from voxruntime.channel import Channel
from voxruntime.clock import WorkCount
from voxruntime.files.client import MODULE
from voxruntime.files.messages import (
    Append,
    CloseFile,
    FileClosed,
    OpenLines,
    Ready,
    Reply,
    Request,
    TextRead,
    decode_reply,
    encode,
)
from voxruntime.files.messages import ReadText as Read
from voxruntime.turn.framing import FrameReader, frame


class Replies:
    """Keeps replies, and lets a test wait for one."""

    def __init__(self) -> None:
        self.all: list[Reply] = []
        self._came = asyncio.Event()
        self._reader = FrameReader(2**20)

    def __call__(self, octets: bytes) -> None:
        self.all += map(decode_reply, self._reader.feed(octets))
        self._came.set()

    async def last_of(self, kind: type[Reply]) -> Reply:
        while not self.all or not isinstance(self.all[-1], kind):
            self._came.clear()
            await self._came.wait()
        return self.all[-1]


def octets(request: Request) -> bytes:
    return frame(encode(request))


def test_requests_sent_before_the_process_is_up_are_answered(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")

    async def main() -> None:
        replies = Replies()
        channel = await Channel.spawn([MODULE], replies, WorkCount())
        channel.send(octets(Read(1, os.fsencode(tmp_path / "a.txt"), 10)))
        assert await replies.last_of(TextRead) == TextRead(1, "a")
        assert replies.all[0] == Ready()
        channel.finish()
        await channel.lost.wait()
        channel.reap()

    asyncio.run(main())


def test_finish_lets_the_process_do_what_it_was_asked(tmp_path: Path) -> None:
    async def main() -> None:
        replies = Replies()
        channel = await Channel.spawn([MODULE], replies, WorkCount())
        channel.send(octets(OpenLines(1, os.fsencode(tmp_path / "t.txt"))))
        channel.send(octets(Append(1, b"line\n")))
        channel.finish()
        channel.finish()
        channel.send(octets(Append(1, b"too late\n")))
        await channel.lost.wait()
        channel.reap()
        assert replies.all[-1] == FileClosed(1, 5)

    asyncio.run(main())
    assert (tmp_path / "t.txt").read_bytes() == b"line\n"


def test_a_token_is_held_while_the_process_falls_behind(tmp_path: Path) -> None:
    async def main() -> None:
        replies, work = Replies(), WorkCount()
        channel = await Channel.spawn([MODULE], replies, work)
        await replies.last_of(Ready)
        os.kill(channel.pid, signal.SIGSTOP)
        channel.send(octets(OpenLines(1, os.fsencode(tmp_path / "t.txt"))))
        assert (work.running, channel.backlog_bytes) == (0, 0)
        for _ in range(4):
            channel.send(octets(Append(1, bytes(2**20))))
        assert work.running == 1
        assert channel.backlog_bytes > 2**20

        os.kill(channel.pid, signal.SIGCONT)
        channel.send(octets(CloseFile(1)))
        assert await replies.last_of(FileClosed) == FileClosed(1, 4 * 2**20)
        assert (work.running, channel.backlog_bytes) == (0, 0)
        channel.kill()
        await channel.lost.wait()
        channel.reap()

    asyncio.run(main())


def test_a_process_that_dies_behind_gives_its_token_back(tmp_path: Path) -> None:
    async def main() -> None:
        work = WorkCount()
        channel = await Channel.spawn([MODULE], Replies(), work)
        os.kill(channel.pid, signal.SIGSTOP)
        channel.send(octets(OpenLines(1, os.fsencode(tmp_path / "t.txt"))))
        for _ in range(4):
            channel.send(octets(Append(1, bytes(2**20))))
        assert work.running == 1

        channel.kill()
        await channel.lost.wait()
        channel.reap()

        assert work.running == 0

    asyncio.run(main())
