"""The engine's side of files that grow during a call: recordings and lines of text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from voxruntime.clock import WorkCount
from voxruntime.errors import ConfigError
from voxruntime.files.messages import (
    Append,
    CloseFile,
    FileClosed,
    FileFailed,
    FileOpened,
    FileReply,
    FileRequest,
)

MAX_BACKLOG_BYTES = 32 * 2**20
"""Bytes waiting for the io process past which a file is given up: the disk is slower than the calls."""

_CHUNK_BYTES = 2**20

OnError = Callable[[str, str], None]
"""Told the code and the problem of a file that failed, once; the call goes on without it."""


class FilePort(Protocol):
    """The line to the io process, as a growing file sees it."""

    @property
    def backlog_bytes(self) -> int:
        """Bytes that wait to be sent."""

    def send(self, request: FileRequest) -> None:
        """Sends a request, now or as soon as the process is up."""


class RemoteFile:
    """One file that the io process writes. What `Recording` and `Lines` have in common.

    Virtual time stands still while the file is being made and while it is being finished.

    Args:
        number: The file's number on the line.
        path: The path as messages show it.
        kind: First part of the error codes: `record` or `file`.
        port: The line to the io process.
        work: Where tokens come from.
        on_error: Told of a failure.
    """

    def __init__(
        self, number: int, path: str, kind: str, port: FilePort, work: WorkCount, on_error: OnError
    ) -> None:
        self.number = number
        self.path = path
        self.written_bytes = 0
        """How much is in the file once it has ended; as much as was appended, if the io process died."""
        self._kind = kind
        self._port = port
        self._work = work
        self._on_error = on_error
        self._failure: ConfigError | None = None
        self._settled = asyncio.Event()  # opened, or never will be
        self._ended = asyncio.Event()
        self._is_closing = False
        self._work.begin()

    async def ready(self) -> None:
        """Returns when the file has been made.

        Raises:
            ConfigError: It could not be made.
        """
        await self._settled.wait()
        if self._failure is not None:
            raise self._failure

    def append(self, chunk: bytes) -> None:
        """Adds bytes; they are lost once the file has failed or is being closed."""
        if self._ended.is_set() or self._is_closing:
            return
        if self._port.backlog_bytes + len(chunk) > MAX_BACKLOG_BYTES:
            self._port.send(CloseFile(self.number))
            self.fail("too_slow", "The disk takes it more slowly than it comes; choose a faster one.")
            return
        self.written_bytes += len(chunk)
        for start in range(0, len(chunk), _CHUNK_BYTES):
            self._port.send(Append(self.number, chunk[start : start + _CHUNK_BYTES]))

    def finish(self) -> None:
        """Says that nothing more will be appended."""
        if self._is_closing or self._ended.is_set():
            return
        self._is_closing = True
        self._work.begin()
        self._port.send(CloseFile(self.number))

    async def close(self) -> None:
        """Returns when all that was appended is in the file, or the file has failed; may be repeated."""
        self.finish()
        await self._ended.wait()

    def take(self, reply: FileReply) -> None:
        """Takes what the io process says of this file."""
        match reply:
            case FileOpened():
                self._settle()
            case FileFailed():
                self.written_bytes = reply.written_bytes
                self.fail(reply.kind, reply.problem)
            case FileClosed():
                self.written_bytes = reply.written_bytes
                self._end()

    def fail(self, kind: str, problem: str) -> None:
        """Ends the file: it stays as it is on the disk."""
        if self._ended.is_set():
            return
        self._failure = ConfigError(f"{self._kind}.{kind}", problem, file=self.path)
        self._end()
        self._settle()
        self._on_error(self._failure.code, problem)

    def _end(self) -> None:
        if not self._ended.is_set():
            self._ended.set()
            if self._is_closing:
                self._work.end()

    def _settle(self) -> None:
        if not self._settled.is_set():
            self._settled.set()
            self._work.end()


class Recording:
    """A WAV file that grows. Valid at every moment, with at most half a second of sound not yet in it.

    Args:
        file: The file at the io process.
        rate: Hz.
        channels: Samples of one moment.
    """

    def __init__(self, file: RemoteFile, rate: int, channels: int) -> None:
        self._file = file
        self._bytes_per_s = 2 * rate * channels

    @property
    def number(self) -> int:
        """Its own among all that the io process was asked for, in the order of asking."""
        return self._file.number

    @property
    def path(self) -> str:
        """Where it is, as messages show it."""
        return self._file.path

    async def ready(self) -> None:
        """Returns when the file has been made.

        Raises:
            ConfigError: `record.no_folder`, `record.permission`, `record.not_a_file`, `record.no_space`,
                `record.io`, or `record.process_ended`.
        """
        await self._file.ready()

    def write(self, octets: bytes) -> None:
        """Adds 16-bit little-endian samples, the channels interleaved. Returns at once."""
        self._file.append(octets)

    def finish(self) -> None:
        """Ends the file without waiting until everything is in it."""
        self._file.finish()

    async def close(self) -> float:
        """Finishes the file.

        Returns:
            Seconds of sound that are in it.
        """
        await self._file.close()
        return self._file.written_bytes / self._bytes_per_s


class Lines:
    """A text file that grows line by line."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file

    @property
    def path(self) -> str:
        """Where it is, as messages show it."""
        return self._file.path

    async def ready(self) -> None:
        """Returns when the file has been made.

        Raises:
            ConfigError: As for `Recording.ready`, with `file` for `record`.
        """
        await self._file.ready()

    def write(self, line: str) -> None:
        """Adds a line, given without its end. Returns at once."""
        self._file.append(line.encode("utf-8", "backslashreplace") + b"\n")

    def finish(self) -> None:
        """Ends the file without waiting until every line is in it."""
        self._file.finish()

    async def close(self) -> None:
        """Returns when every line is in the file."""
        await self._file.close()
