"""The engine's side of one speech process: keeps it running, and brings each answer to who asked."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from voxruntime.channel import Channel
from voxruntime.clock import Clock
from voxruntime.speech import messages
from voxruntime.speech.interface import SpeechUnavailable
from voxruntime.speech.messages import (
    MAX_MESSAGE_BYTES,
    Cancel,
    Failed,
    JobReply,
    Ready,
    Request,
    Role,
    Sound,
    encode,
)
from voxruntime.turn.framing import FrameReader, frame

logger = logging.getLogger(__name__)

MODULE = "voxruntime.speech.process"

MAX_JOBS = 256
"""Jobs that may wait for their answer at one time."""

MAX_BACKLOG_BYTES = 32 * 2**20
"""Bytes that may wait to be sent: a process that takes no more is not asked."""

MAX_FAILED_STARTS = 3
"""Starts in a row that may fail before the process is given up."""

_CLOSE_S = 2.0


class PendingJob:
    """A job whose replies are awaited one by one.

    Args:
        number: Names it in messages.
        on_done: Called once, when no reply will come any more.
    """

    def __init__(self, number: int, on_done: Callable[[], None]) -> None:
        self.number = number
        self.is_done = False
        self._on_done = on_done
        self._replies: deque[JobReply] = deque()
        self._came = asyncio.Event()

    async def reply(self) -> JobReply:
        """Returns the next reply.

        Raises:
            SpeechUnavailable: The job failed.
        """
        while not self._replies:
            self._came.clear()
            await self._came.wait()
        reply = self._replies.popleft()
        if isinstance(reply, Failed):
            raise SpeechUnavailable(reply.reason)
        return reply

    def take(self, reply: JobReply) -> None:
        """Takes the next reply."""
        self._replies.append(reply)
        self._came.set()
        if not isinstance(reply, Sound):
            self.finish()

    def finish(self) -> None:
        """Ends the wait: nothing comes any more, or nobody wants it."""
        if not self.is_done:
            self.is_done = True
            self._on_done()


class Worker:
    """One speech process. When it dies, its jobs fail and a new one takes over.

    Order: `start`, `ready`, jobs, `close`. Jobs may be begun before the process is ready; they wait in its socket.

    Args:
        role: What it is for.
        clock: Holds virtual time still while a job is under way.
        on_lost: Told why, each time a process that was ready has died.
    """

    def __init__(self, role: Role, clock: Clock, on_lost: Callable[[str], None]) -> None:
        self._role = role
        self._clock = clock
        self._on_lost = on_lost
        self._channel: Channel | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._outbox: list[Request] = []
        self._pending: dict[int, PendingJob] = {}
        self._numbers = itertools.count(1)
        self._failed_starts = 0
        self._is_ready = False
        self._is_closed = False
        self._settled = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The id of the process that runs now; None while there is none."""
        return None if self._channel is None or self._channel.lost.is_set() else self._channel.pid

    @property
    def out_of_service(self) -> str | None:
        """Why no process will ever answer; None while one may."""
        if self._is_closed or self._supervisor is None:
            return f"the speech process for {self._role} is not running"
        if self._failed_starts >= MAX_FAILED_STARTS:
            return f"the speech process for {self._role} ended {MAX_FAILED_STARTS} times while it started"
        return None

    def is_being_replaced(self) -> bool:
        """Whether no process answers now, and one soon will."""
        return not self._is_ready and self.out_of_service is None

    async def start(self) -> None:
        """Starts the process and returns at once.

        Raises:
            OSError: The system refuses another process.
        """
        self._channel = await self._spawn()
        self._supervisor = asyncio.create_task(
            self._supervise(self._channel), name=f"speech process for {self._role}"
        )

    async def ready(self) -> None:
        """Returns once the process answers.

        Raises:
            SpeechUnavailable: It does not start.
        """
        with self._clock.work.token():
            await self._settled.wait()
        if self.out_of_service is not None:
            raise SpeechUnavailable(self.out_of_service)

    async def close(self) -> None:
        """Ends the process; after 2 s in any case. Jobs fail. Harmless when repeated."""
        self._is_closed = True
        if self._supervisor is None or self._channel is None:
            return
        self._channel.finish()
        watchdog = self._clock.watchdog(_CLOSE_S, self._kill)
        try:
            with self._clock.work.token():
                await self._supervisor
        finally:
            watchdog.cancel()

    @contextmanager
    def job(self, request: Callable[[int], Request]) -> Iterator[PendingJob]:
        """Begins a job; leaving the block drops it if it is still under way.

        Args:
            request: Makes the request from the job's number.

        Raises:
            SpeechUnavailable: There is no process, or too much waits for it.
        """
        reason = self.out_of_service
        if reason is None and (len(self._pending) >= MAX_JOBS or self._backlog_bytes > MAX_BACKLOG_BYTES):
            reason = f"too much waits for the speech process for {self._role}"
        if reason is not None:
            raise SpeechUnavailable(reason)
        number = next(self._numbers)
        job = PendingJob(number, self._clock.work.end)
        self._clock.work.begin()
        self._pending[number] = job
        self.send(request(number))
        try:
            yield job
        finally:
            del self._pending[number]
            if not job.is_done:
                job.finish()
                self.send(Cancel(number))

    def send(self, request: Request) -> None:
        """Sends a request, now or as soon as a process is up again; nothing happens when none will be."""
        if self._channel is not None and not self._channel.lost.is_set():
            self._channel.send(frame(encode(request)))
        elif self.out_of_service is None:
            self._outbox.append(request)

    @property
    def _backlog_bytes(self) -> int:
        return 0 if self._channel is None else self._channel.backlog_bytes

    async def _spawn(self) -> Channel:
        reader = FrameReader(MAX_MESSAGE_BYTES)

        def take(octets: bytes) -> None:
            for body in reader.feed(octets):
                self._take(messages.decode_reply(body))

        return await Channel.spawn([MODULE, self._role], take, self._clock.work)

    async def _supervise(self, channel: Channel) -> None:
        """Keeps a process running: it may be killed, or die of a fault in an engine."""
        try:
            while True:
                await channel.lost.wait()
                channel.reap()
                was_ready, self._is_ready = self._is_ready, False
                self._failed_starts += 1
                self._fail_all(
                    f"the speech process for {self._role} ended unexpectedly; a new one takes over"
                )
                if self.out_of_service is not None:
                    return
                channel = self._channel = await self._spawn()
                for request in self._outbox:
                    self.send(request)
                self._outbox.clear()
                if self._is_closed:
                    channel.finish()
                if was_ready:
                    logger.warning("The speech process for %s ended; a new one takes over.", self._role)
                    self._on_lost(f"The speech process for {self._role} ended; a new one takes over.")
        except OSError:
            self._failed_starts = MAX_FAILED_STARTS
        finally:
            channel.kill()
            channel.reap()
            self._is_ready = False
            self._fail_all(self.out_of_service or f"the speech process for {self._role} is not running")
            self._settled.set()

    def _kill(self) -> None:
        if self._channel is not None:
            self._channel.kill()

    def _fail_all(self, reason: str) -> None:
        self._outbox.clear()
        for job in self._pending.values():
            if not job.is_done:
                job.take(Failed(job.number, reason))

    def _take(self, reply: messages.Reply) -> None:
        if isinstance(reply, Ready):
            self._failed_starts = 0
            self._is_ready = True
            self._settled.set()
        elif (job := self._pending.get(reply.job)) is not None and not job.is_done:
            job.take(reply)
