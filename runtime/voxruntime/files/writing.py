"""Files that grow during a call: recordings and lines of text. Runs in the io process, where it may block.

A recording is a valid WAV file at every moment: samples go to the end of the file first, and the header,
which says how many there are, is put right afterwards. Whoever opens the file between the two sees the
shorter sound, and bytes after it that WAV readers leave alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import Protocol

from voxruntime.files.wav import HEADER_BYTES, MAX_DATA_BYTES, wav_header

FLUSH_S = 0.5
"""Seconds of sound that may wait for the header to be put right: half of what a kill may cost."""

_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR}
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}


class WriteError(Exception):
    """A file cannot be begun or continued.

    Attributes:
        kind: `no_space`, `permission`, `no_folder`, `not_a_file`, `too_long` or `io`.
        problem: One sentence for the person who must act.
    """

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(kind, problem)
        self.kind = kind
        self.problem = problem


class GrowingFile(Protocol):
    """What the io process does with a file that is being written."""

    path: bytes
    written_bytes: int
    """How much of what was appended is in the file and counted by its header, if it has one."""

    def append(self, chunk: bytes) -> None:
        """Adds bytes.

        Raises:
            WriteError: They are not, or not all, in the file; `close` is all that may follow.
        """

    def close(self) -> None:
        """Finishes the file.

        Raises:
            WriteError: The last bytes are not in the file; it is closed nevertheless.
        """


class WavFile:
    """A WAV file of 16-bit samples.

    Args:
        path: Where it goes; a file that is there is replaced.
        rate: Hz.
        channels: Samples of one moment, interleaved.
        max_data_bytes: Most samples, in bytes; what the format can count.

    Raises:
        WriteError: The file cannot be made.
    """

    def __init__(
        self, path: bytes, rate: int, channels: int, *, max_data_bytes: int = MAX_DATA_BYTES
    ) -> None:
        self.path = path
        self.written_bytes = 0
        self._rate = rate
        self._channels = channels
        self._moment_bytes = 2 * channels
        self._flush_bytes = int(rate * FLUSH_S) * self._moment_bytes
        self._max_data_bytes = max_data_bytes // self._moment_bytes * self._moment_bytes
        self._waiting = bytearray()
        self._output = _Output(path)
        try:
            self._output.write(wav_header(rate, channels, 0), 0)
        except WriteError:
            self._output.close()
            raise

    def append(self, chunk: bytes) -> None:
        """Adds samples; they are in the file once FLUSH_S of them have come together.

        Raises:
            WriteError: The disk is full, or the file as long as it can be.
        """
        self._waiting += chunk
        if len(self._waiting) >= self._flush_bytes:
            self._flush()

    def close(self) -> None:
        """Writes what waits and closes the file.

        Raises:
            WriteError: The last samples are not in the file.
        """
        try:
            self._flush()
        finally:
            self._output.close()

    def _flush(self) -> None:
        room = self._max_data_bytes - self.written_bytes
        pending = bytes(self._waiting[:room])
        overflows = len(self._waiting) > room
        self._waiting.clear()
        begin = HEADER_BYTES + self.written_bytes
        try:
            self._output.write(pending, begin)
        finally:
            whole = (self._output.end - begin) // self._moment_bytes * self._moment_bytes
            # Overwrites bytes that are there, so that it works on a full disk.
            self._output.write(wav_header(self._rate, self._channels, self.written_bytes + whole), 0)
            self.written_bytes += whole
        if overflows:
            raise WriteError("too_long", "It has reached 4 GiB, the most a WAV file can hold.")


class LinesFile:
    """A file of text lines, each in the file as soon as it is appended.

    Args:
        path: Where it goes; a file that is there is replaced.

    Raises:
        WriteError: The file cannot be made.
    """

    def __init__(self, path: bytes) -> None:
        self.path = path
        self.written_bytes = 0
        self._output = _Output(path)

    def append(self, chunk: bytes) -> None:
        """Adds bytes, normally whole lines.

        Raises:
            WriteError: The disk is full; the file ends with its last whole line.
        """
        try:
            self._output.write(chunk, self.written_bytes)
        except WriteError:
            arrived = chunk[: self._output.end - self.written_bytes]
            self.written_bytes += arrived.rfind(b"\n") + 1
            self._output.cut(self.written_bytes)
            raise
        self.written_bytes += len(chunk)

    def close(self) -> None:
        """Closes the file; nothing waits to be written."""
        self._output.close()


class _Output:
    """An open file, with its errors in words."""

    def __init__(self, path: bytes) -> None:
        self.end = 0
        try:
            _refuse_what_is_no_file(path)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _in_words(error, path) from None
        self._path = path

    def write(self, octets: bytes, offset: int) -> None:
        """Writes all of `octets` at `offset`; `end` says how far the file reaches, also after an error."""
        try:
            while octets:
                count = os.pwrite(self._descriptor, octets, offset)
                offset += count
                self.end = max(self.end, offset)
                octets = octets[count:]
        except OSError as error:
            raise _in_words(error, self._path) from None

    def cut(self, length: int) -> None:
        """Takes away what is beyond `length`, where the file system lets it."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, length)

    def close(self) -> None:
        """Closes the file; some file systems report a full disk only now."""
        try:
            os.close(self._descriptor)
        except OSError as error:
            raise _in_words(error, self._path) from None


def _refuse_what_is_no_file(path: bytes) -> None:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    # Opening a pipe would wait for its reader, and every other file with it.
    if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode)):
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise WriteError("not_a_file", f"It is {what}; name a file.")


def _in_words(error: OSError, path: bytes) -> WriteError:
    folder = os.fsdecode(os.path.dirname(path)) or "."
    if error.errno in _NO_FOLDER:
        return WriteError("no_folder", f"There is no folder {folder}; make it, or choose another place.")
    if error.errno in _NO_PERMISSION:
        return WriteError("permission", f"Permission to write in {folder} is missing; choose another place.")
    if error.errno in _NO_SPACE:
        return WriteError("no_space", f"The disk is full ({error.strerror}); make room.")
    return WriteError("io", f"It cannot be written: {error.strerror}.")
