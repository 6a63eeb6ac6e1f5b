"""The engine's side of the zygote, against a far side that the test plays."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from voxruntime import platform
from voxruntime.scenario.wire import FAILED, FORK, FORKED, READY, ZYGOTE_REPLY
from voxruntime.scenario.zygote_launch import LaunchedZygote
from voxruntime.scenario.zygote_link import ZygoteGone, ZygoteLink


def sleeper() -> int:
    """Starts a process that only sleeps; returns its pid."""
    arguments = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
    return os.posix_spawn(sys.executable, arguments, {})


def was_waited_for(pid: int) -> bool:
    """Whether a child is gone without a trace."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


@asynccontextmanager
async def played_zygote() -> AsyncIterator[tuple[ZygoteLink, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    link = ZygoteLink(LaunchedZygote(platform.Process(sleeper()), ours))
    try:
        yield link, theirs
    finally:
        link.kill()
        theirs.close()


async def asked(link: ZygoteLink, zygote: socket.socket) -> asyncio.Future[int]:
    """Asks for a process and returns once the zygote has been asked."""
    turn, turn_end = socket.socketpair()
    log, log_end = socket.socketpair()
    with turn, turn_end, log, log_end:
        answer = asyncio.ensure_future(link.fork(turn, log))
        loop = asyncio.get_running_loop()
        readable = loop.create_future()
        loop.add_reader(zygote, lambda: readable.done() or readable.set_result(None))
        await readable
        loop.remove_reader(zygote)
        request, descriptors, _, _ = socket.recv_fds(zygote, 10, 4)
    assert request == FORK
    assert len(descriptors) == 2
    for descriptor in descriptors:
        os.close(descriptor)
    return answer


def test_answers_belong_to_requests_in_order() -> None:
    async def main() -> None:
        async with played_zygote() as (link, zygote):
            first, second = await asked(link, zygote), await asked(link, zygote)
            zygote.send(
                ZYGOTE_REPLY.pack(READY, 0) + ZYGOTE_REPLY.pack(FORKED, 11) + ZYGOTE_REPLY.pack(FORKED, 22)
            )
            assert (await first, await second) == (11, 22)

    asyncio.run(main())


def test_answer_may_arrive_byte_by_byte() -> None:
    async def main() -> None:
        async with played_zygote() as (link, zygote):
            answer = await asked(link, zygote)
            for byte in ZYGOTE_REPLY.pack(FORKED, 4711):
                await asyncio.get_running_loop().sock_sendall(zygote, bytes([byte]))
            assert await answer == 4711

    asyncio.run(main())


def test_failed_fork_is_the_systems_error() -> None:
    async def main() -> None:
        async with played_zygote() as (link, zygote):
            answer = await asked(link, zygote)
            zygote.send(ZYGOTE_REPLY.pack(FAILED, errno.EAGAIN))
            with pytest.raises(OSError, match="temporarily unavailable"):
                await answer
            assert link.is_alive

    asyncio.run(main())


@pytest.mark.parametrize("was_ready", [True, False])
def test_end_of_the_zygote_ends_what_waits_for_it(was_ready: bool) -> None:
    async def main() -> None:
        async with played_zygote() as (link, zygote):
            if was_ready:
                zygote.send(ZYGOTE_REPLY.pack(READY, 0))
            answer = await asked(link, zygote)
            zygote.close()
            with pytest.raises(ZygoteGone) as caught:
                await answer
            assert caught.value.was_ready is was_ready
            assert not link.is_alive
            with pytest.raises(ZygoteGone):
                await link.fork(zygote, zygote)

    asyncio.run(main())


def test_process_that_nobody_waits_for_any_more_is_ended() -> None:
    async def main() -> None:
        async with played_zygote() as (link, zygote):
            lost, kept = await asked(link, zygote), await asked(link, zygote)
            lost.cancel()
            pid = sleeper()
            zygote.send(ZYGOTE_REPLY.pack(FORKED, pid) + ZYGOTE_REPLY.pack(FORKED, 22))
            assert await kept == 22
            assert was_waited_for(pid)

    asyncio.run(main())


def test_close_lets_a_ready_zygote_answer_first() -> None:
    async def main() -> None:
        async with played_zygote() as (link, zygote):
            first = await asked(link, zygote)
            zygote.send(ZYGOTE_REPLY.pack(READY, 0) + ZYGOTE_REPLY.pack(FORKED, 11))
            await first
            second = await asked(link, zygote)
            closing = asyncio.ensure_future(link.close())
            zygote.send(ZYGOTE_REPLY.pack(FORKED, 22))
            assert await second == 22
            assert await asyncio.get_running_loop().sock_recv(zygote, 10) == b""
            zygote.close()
            await closing
            assert not link.is_alive

    asyncio.run(main())


def test_close_ends_a_zygote_that_is_not_ready_at_once() -> None:
    async def main() -> None:
        async with played_zygote() as (link, zygote):
            answer = await asked(link, zygote)
            await link.close()
            with pytest.raises(ZygoteGone):
                await answer

    asyncio.run(main())
