"""The io process: does for the engine what may block, so that no frame waits for a disk or a name server.

Started as `python -I -m voxruntime.files.io_process FD`, where FD is its end of a socket pair; it ends when
the other end closes, having finished every file. Files that grow are written by the main thread, in the order
in which their bytes come. Jobs with an answer run in a few threads beside it, because a name server may take
half a minute; this process has no deadlines, so threads cost nobody a frame here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from voxruntime.errors import ConfigError, RemoteError
from voxruntime.files.messages import (
    Append,
    AudioBlock,
    AudioHead,
    CloseFile,
    ConvertAudio,
    FileClosed,
    FileFailed,
    FileOpened,
    FileRequest,
    Job,
    JobFailed,
    LoadAudio,
    MakeFolder,
    OpenLines,
    OpenRecording,
    ReadText,
    Ready,
    Reply,
    Resolve,
    Resolved,
    Side,
    TextRead,
    decode_request,
    encode,
)
from voxruntime.files.reading import read_text
from voxruntime.files.writing import GrowingFile, LinesFile, WavFile, WriteError
from voxruntime.turn.framing import FrameReader, frame

MAX_REQUEST_BYTES = 64 * 2**20
"""Longest request; the longest is sound to be converted."""

_READ_BYTES = 256 * 1024
_BLOCK_BYTES = 64 * 1024
_JOBS_AT_ONCE = 8


class Replies:
    """The way back to the engine, for any thread."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._turn = threading.Lock()

    def send(self, reply: Reply) -> None:
        """Sends one reply; waits while the engine is slow to read, and does nothing once it is gone."""
        octets = frame(encode(reply))
        with self._turn, contextlib.suppress(OSError):
            self._connection.sendall(octets)


class Jobs:
    """Requests with an answer, each in its own thread.

    Args:
        replies: Where answers go.
    """

    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._threads = ThreadPoolExecutor(_JOBS_AT_ONCE, thread_name_prefix="job")

    def start(self, job: Job) -> None:
        """Begins a job; its answer comes later."""
        self._threads.submit(self._run, job).add_done_callback(partial(self._report_a_bug, job))

    def _run(self, job: Job) -> None:
        try:
            match job:
                case LoadAudio():
                    self._load_audio(job)
                case ConvertAudio():
                    self._convert_audio(job)
                case ReadText():
                    self._read_text(job)
                case Resolve():
                    self._resolve(job)
        except ConfigError as error:
            self._replies.send(
                JobFailed(job.job, Side.OPERATOR, error.code, error.message, error.file, error.line)
            )
        except RemoteError as error:
            self._replies.send(
                JobFailed(job.job, Side.REMOTE, error.code, error.message, retryable=error.retryable)
            )

    def _load_audio(self, job: LoadAudio) -> None:
        from voxruntime.files import loading  # noqa: PLC0415  # numpy: a process that only records needs none

        rate, pcm = loading.load_audio(
            job.path, job.rate, max_seconds=job.max_seconds, max_bytes=job.max_bytes
        )
        self._send_audio(job.job, rate, pcm.astype("<i2", copy=False).tobytes())

    def _convert_audio(self, job: ConvertAudio) -> None:
        from voxruntime.audio import pcm, resample  # noqa: PLC0415  # as above

        converted = resample.convert(pcm.decode(job.pcm), job.in_rate, job.out_rate)
        self._send_audio(job.job, job.out_rate, pcm.encode(converted))

    def _send_audio(self, job: int, rate: int, octets: bytes) -> None:
        self._replies.send(AudioHead(job, rate, len(octets) // 2))
        for start in range(0, len(octets), _BLOCK_BYTES):
            self._replies.send(AudioBlock(job, octets[start : start + _BLOCK_BYTES]))

    def _read_text(self, job: ReadText) -> None:
        self._replies.send(TextRead(job.job, read_text(job.path, job.limit)))

    def _resolve(self, job: Resolve) -> None:
        try:
            found = socket.getaddrinfo(job.host, job.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            is_passing = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            reason = error.strerror if isinstance(error, OSError) else "not a host name"
            raise RemoteError(
                "net.dns",
                f"Host {job.host} was not found: {reason}. Check its spelling and the network.",
                retryable=is_passing,
            ) from None
        addresses = dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found)
        self._replies.send(Resolved(job.job, list(addresses)))

    def _report_a_bug(self, job: Job, ended: Future[None]) -> None:
        error = ended.exception()
        if error is not None:
            text = f"The io process failed at {type(job).__name__}: {type(error).__name__}: {error}."
            self._replies.send(JobFailed(job.job, Side.VOXRT, "internal.io_process", text))


class GrowingFiles:
    """Files that are being written, by the numbers the engine gave them.

    A file that failed is dropped here; what the engine still sends for it finds nothing.
    """

    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._files: dict[int, GrowingFile] = {}

    def handle(self, request: FileRequest) -> None:
        """Does what the engine asks; a failure is one reply and the end of that file only."""
        match request:
            case OpenRecording() | OpenLines():
                self._open(request)
            case Append():
                self._append(request)
            case CloseFile():
                self._close(request.file)

    def close_all(self) -> None:
        """Finishes every file: the engine is gone."""
        for number in list(self._files):
            self.handle(CloseFile(number))

    def _open(self, request: OpenRecording | OpenLines) -> None:
        try:
            if isinstance(request, OpenRecording):
                self._files[request.file] = WavFile(request.path, request.rate, request.channels)
            else:
                self._files[request.file] = LinesFile(request.path)
        except WriteError as failure:
            self._tell(request.file, failure, 0)
        else:
            self._replies.send(FileOpened(request.file))

    def _append(self, request: Append) -> None:
        file = self._files.get(request.file)
        if file is None:
            return
        try:
            file.append(request.chunk)
        except WriteError as failure:
            del self._files[request.file]
            with contextlib.suppress(WriteError):
                file.close()
            self._tell(request.file, failure, file.written_bytes)

    def _close(self, number: int) -> None:
        file = self._files.pop(number, None)
        if file is None:
            return
        try:
            file.close()
        except WriteError as failure:
            self._tell(number, failure, file.written_bytes)
        else:
            self._replies.send(FileClosed(number, file.written_bytes))

    def _tell(self, number: int, failure: WriteError, written_bytes: int) -> None:
        self._replies.send(FileFailed(number, failure.kind, failure.problem, written_bytes))


def serve(connection: socket.socket) -> None:
    """Does what the engine asks until it closes its end, then finishes every file."""
    replies = Replies(connection)
    jobs, files = Jobs(replies), GrowingFiles(replies)
    reader = FrameReader(MAX_REQUEST_BYTES)
    replies.send(Ready())
    while chunk := _receive(connection):
        for body in reader.feed(chunk):
            request = decode_request(body)
            if isinstance(request, Job):
                jobs.start(request)
            elif isinstance(request, MakeFolder):
                with contextlib.suppress(OSError):
                    os.makedirs(request.path, exist_ok=True)
            else:
                files.handle(request)
    files.close_all()


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_READ_BYTES)
    except ConnectionError:
        return b""


def main() -> None:
    """Runs the process whose socket is the descriptor named by the first argument."""
    # Ctrl-C and a service manager's SIGTERM go to the engine, which still has files to finish.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))
    # Not sys.exit: it would wait for a name server that does not answer.
    os._exit(0)


if __name__ == "__main__":
    main()
