"""What the engine asks of its io process, as coroutines and as files that grow."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from voxruntime.audio import pcm as samples
from voxruntime.audio.pcm import PCM16
from voxruntime.channel import Channel
from voxruntime.clock import Clock
from voxruntime.errors import ConfigError, MediaError
from voxruntime.files.growing import Lines, OnError, Recording, RemoteFile
from voxruntime.files.jobs import (
    Audio,
    Collect,
    PendingJob,
    Unanswered,
    addresses_of,
    audio_collector,
    text_of,
)
from voxruntime.files.messages import (
    ConvertAudio,
    FileClosed,
    FileFailed,
    FileOpened,
    FileRequest,
    Job,
    LoadAudio,
    MakeFolder,
    OpenLines,
    OpenRecording,
    ReadText,
    Ready,
    Reply,
    Request,
    Resolve,
    decode_reply,
    encode,
)
from voxruntime.turn.framing import FrameReader, frame

MODULE = "voxruntime.files.io_process"

MAX_AUDIO_BYTES = 64 * 2**20
"""Largest sound file that is read."""

MAX_AUDIO_S = 30 * 60.0
"""Longest sound file that is read, seconds."""

MAX_TEXT_BYTES = 2**20
"""Largest text file that is read."""

MAX_JOBS = 256
"""Jobs that may wait for their answer at one time."""

_PROCESS_ENDED = "process_ended"
_MAX_REPLY_BYTES = 64 * 2**20
_CLOSE_S = 5.0
_MAX_FAILED_STARTS = 3

T = TypeVar("T")


class FileProcess:
    """The io process and all that is under way in it.

    Order: `start`, anything, `close`. When the process dies, what was under way fails with an error that says
    so, and a new one takes over.

    Args:
        clock: Holds virtual time still while a job is under way.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._channel: Channel | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._outbox: list[Request] = []
        self._pending: dict[int, Unanswered] = {}
        self._growing: dict[int, RemoteFile] = {}
        self._numbers = itertools.count(1)
        self._failed_starts = 0
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """The id of the process that runs now; None while there is none."""
        return None if self._channel is None or self._channel.lost.is_set() else self._channel.pid

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait to be sent to the process."""
        return 0 if self._channel is None else self._channel.backlog_bytes

    async def start(self) -> None:
        """Starts the process. Jobs may follow at once; they wait until it is up.

        Raises:
            ConfigError: The system refuses another process.
        """
        try:
            self._channel = await self._spawn()
        except OSError as error:
            message = f"The io process cannot be started: {error.strerror}. Look at the limits of the system."
            raise ConfigError("file.no_process", message) from None
        self._supervisor = asyncio.create_task(self._supervise(self._channel), name="io process")

    async def close(self) -> None:
        """Ends the process once every file is finished; after 5 s in any case. Harmless when repeated."""
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

    async def load_audio(
        self, path: str | Path, *, rate: int | None = None, max_seconds: float = MAX_AUDIO_S
    ) -> Audio:
        """Reads a PCM WAV file of any rate and channel count as mono.

        Args:
            path: The file.
            rate: Hz that is wanted; the file's own when None, or the next above it that a port may declare.
            max_seconds: Longer files are refused.

        Raises:
            ConfigError: It is not there, no PCM WAV file, cut short, empty, too long or too large.
            MediaError: The io process ended meanwhile.
        """
        octets = _encode_path(path)
        return await self._ask(
            lambda job: LoadAudio(job, octets, rate or 0, max_seconds, MAX_AUDIO_BYTES), audio_collector()
        )

    async def convert(self, pcm: PCM16, in_rate: int, out_rate: int) -> PCM16:
        """Returns sound at another rate, without occupying the engine's thread.

        Args:
            pcm: int16 of shape (samples,).
            in_rate: Hz.
            out_rate: Hz.

        Raises:
            MediaError: The io process ended meanwhile.
        """
        if in_rate == out_rate:
            return pcm
        octets = samples.encode(pcm)
        audio = await self._ask(lambda job: ConvertAudio(job, octets, in_rate, out_rate), audio_collector())
        return audio.pcm

    async def read_text(self, path: str | Path, limit: int = MAX_TEXT_BYTES) -> str:
        """Reads a UTF-8 file.

        Args:
            path: The file.
            limit: Most bytes accepted.

        Raises:
            ConfigError: It is not there, too large or not UTF-8.
            MediaError: The io process ended meanwhile.
        """
        octets = _encode_path(path)
        return await self._ask(lambda job: ReadText(job, octets, limit), text_of)

    async def resolve(self, host: str, port: int) -> list[tuple[int, str]]:
        """Looks a host name up; a numeric address is returned as it is.

        Returns:
            Address family and numeric address of each, best first.

        Raises:
            RemoteError: `net.dns`: there is no such host, or no name server answers.
            MediaError: The io process ended meanwhile.
        """
        return await self._ask(lambda job: Resolve(job, host, port), addresses_of)

    def make_folder(self, path: str | Path) -> None:
        """Makes a folder for files of voxrt's own choice; one that is there stays.

        What goes wrong is told to whoever opens a file in it.

        Raises:
            ConfigError: The path cannot be one.
        """
        self.send(MakeFolder(_encode_path(path)))

    def open_recording(self, path: str | Path, rate: int, channels: int, on_error: OnError) -> Recording:
        """Begins a WAV file; one that is there is replaced. Writing may begin at once.

        Args:
            path: The file; its folder must exist.
            rate: Hz.
            channels: 1, or 2 for stereo.
            on_error: Told when the file fails, at its start or later; not told of anything else.

        Raises:
            ConfigError: The path cannot be one.
        """
        file = self._open(
            path, "record", on_error, lambda number, octets: OpenRecording(number, octets, rate, channels)
        )
        return Recording(file, rate, channels)

    def open_lines(self, path: str | Path, on_error: OnError) -> Lines:
        """Begins a text file; one that is there is replaced. Writing may begin at once.

        Args:
            path: The file; its folder must exist.
            on_error: As for `open_recording`.

        Raises:
            ConfigError: The path cannot be one.
        """
        return Lines(self._open(path, "file", on_error, OpenLines))

    def send(self, request: Request) -> None:
        """Sends a request, now or as soon as a process is up again."""
        if self.pid is None or self._channel is None:
            self._outbox.append(request)
        else:
            self._channel.send(frame(encode(request)))

    def _open(
        self,
        path: str | Path,
        kind: str,
        on_error: OnError,
        request: Callable[[int, bytes], FileRequest],
    ) -> RemoteFile:
        octets = _encode_path(path)
        number = next(self._numbers)
        file = RemoteFile(number, str(path), kind, self, self._clock.work, on_error)
        out_of_service = self._out_of_service()
        if out_of_service is None:
            self._growing[number] = file
            self.send(request(number, octets))
        else:
            # Whoever opens it knows the file before it is told of its failure.
            asyncio.get_running_loop().call_soon(file.fail, _PROCESS_ENDED, out_of_service)
        return file

    async def _ask(self, job: Callable[[int], Job], collect: Collect[T]) -> T:
        out_of_service = self._out_of_service()
        if out_of_service is not None:
            raise MediaError(f"file.{_PROCESS_ENDED}", out_of_service)
        if len(self._pending) >= MAX_JOBS:
            raise MediaError("file.busy", f"{MAX_JOBS} files are being read already.", retryable=True)
        number = next(self._numbers)
        pending = PendingJob(collect)
        self._pending[number] = pending
        try:
            with self._clock.work.token():
                self.send(job(number))
                return await pending.result
        finally:
            del self._pending[number]

    def _out_of_service(self) -> str | None:
        if self._is_closed or self._supervisor is None:
            return "The io process is not running."
        if self._failed_starts >= _MAX_FAILED_STARTS:
            return f"The io process ended {_MAX_FAILED_STARTS} times while it started; its error is above."
        return None

    async def _supervise(self, channel: Channel) -> None:
        """Keeps a process running: it may be killed, or die of a file that breaks a library."""
        try:
            while True:
                await channel.lost.wait()
                channel.reap()
                self._failed_starts += 1
                self._fail_all("The io process ended unexpectedly; a new one takes over.")
                if self._out_of_service() is not None:
                    return
                channel = self._channel = await self._spawn()
                for request in self._outbox:
                    channel.send(frame(encode(request)))
                self._outbox.clear()
                if self._is_closed:
                    channel.finish()
        except OSError:
            self._failed_starts = _MAX_FAILED_STARTS
        finally:
            channel.kill()
            channel.reap()
            self._fail_all("The io process is not running.")

    async def _spawn(self) -> Channel:
        reader = FrameReader(_MAX_REPLY_BYTES)

        def take(octets: bytes) -> None:
            for body in reader.feed(octets):
                self._take(decode_reply(body))

        return await Channel.spawn([MODULE], take, self._clock.work)

    def _kill(self) -> None:
        if self._channel is not None:
            self._channel.kill()

    def _fail_all(self, problem: str) -> None:
        for pending in list(self._pending.values()):
            pending.fail(MediaError(f"file.{_PROCESS_ENDED}", problem, retryable=True))
        for file in self._growing.values():
            file.fail(_PROCESS_ENDED, problem)
        self._growing.clear()

    def _take(self, reply: Reply) -> None:
        match reply:
            case Ready():
                self._failed_starts = 0
            case FileOpened():
                self._growing[reply.file].take(reply)
            case FileFailed() | FileClosed():
                self._growing.pop(reply.file).take(reply)
            case _:
                pending = self._pending.get(reply.job)
                if pending is not None:
                    pending.take(reply)


def _encode_path(path: str | Path) -> bytes:
    try:
        octets = os.fsencode(path)
    except UnicodeEncodeError:
        octets = b"\0"
    if b"\0" in octets:
        raise ConfigError("file.name", f"{str(path)!r} cannot be the name of a file.")
    return octets
