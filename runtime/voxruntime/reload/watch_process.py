"""The watch process: notices what is saved, waits until it stands still, reads it, and tells the engine.

Started as `python -I -m voxruntime.reload.watch_process FD`, where FD is its end of a socket pair; it ends when the
other end closes. A thread of the watching library would need the interpreter that the engine's frames need.
"""

from __future__ import annotations

import select
import signal
import socket
import sys
from pathlib import Path
from typing import NamedTuple

from watchfiles._rust_notify import RustNotify

from voxruntime.clock import real_now
from voxruntime.errors import ConfigError
from voxruntime.reload.file_set import Contents, FileSet, changed
from voxruntime.reload.messages import Saved, Watch, decode_watch, encode
from voxruntime.turn.framing import FrameReader, frame

STABLE_S = 0.03
"""Files that have not changed for so long have been written whole."""

LOOK_MS = 1000
"""How often the files are looked at though nothing was noticed: some file systems report nothing."""

STEP_MS, DEBOUNCE_MS = 5, 50
"""Notices are gathered until none comes for the former, at most for the latter."""

MAX_REQUEST_BYTES = 1024 * 1024


class _Look(NamedTuple):
    """What a look at the files found: their contents, and what the engine is told."""

    contents: Contents
    message: Saved


def serve(connection: socket.socket) -> None:
    """Watches until the engine closes its end."""
    watch = _receive(connection)
    if watch is None:
        return
    files = FileSet(watch.scenarios, map(Path, watch.others), watch.limits)
    # The first look is told whatever it finds: something may have been saved since the engine read it.
    known: Contents = {}
    while not _is_closed(connection):
        with RustNotify(list(map(str, files.folders)), False, False, 0, False, True) as notices:
            # Looks first: something may have been saved before the notices came. What is required may be other
            # files after a save, and so are the folders.
            while (saved := _look(files, known, connection)) is None and not _is_closed(connection):
                notices.watch(DEBOUNCE_MS, STEP_MS, LOOK_MS, None)
        if saved is not None:
            known = saved.contents
            _send(connection, saved.message)


def _look(files: FileSet, known: Contents, connection: socket.socket) -> _Look | None:
    """Returns what was saved; None when nothing was, or not whole."""
    found = files.contents()
    if not changed(known, found):
        return None
    noticed_at = real_now()
    if not files.is_whole(_stable(files, connection, found)):
        return None
    read = files.read()
    paths = [str(path) for path in changed(known, read.contents)]
    if isinstance(read.sources, ConfigError):
        error = read.sources
        problem = (error.code, error.message, error.file, error.line)
        return _Look(read.contents, Saved(paths, noticed_at, problem=problem))
    return _Look(read.contents, Saved(paths, noticed_at, read.sources.entries, dict(read.sources.modules)))


def _stable(files: FileSet, connection: socket.socket, found: Contents) -> Contents:
    """Waits until the files stand still and returns what they hold then."""
    while not _is_closed(connection, STABLE_S):
        before, found = found, files.contents()
        if not changed(before, found):
            break
    return found


def _receive(connection: socket.socket) -> Watch | None:
    reader = FrameReader(MAX_REQUEST_BYTES)
    while chunk := connection.recv(65536):
        for body in reader.feed(chunk):
            return decode_watch(body)
    return None


def _send(connection: socket.socket, saved: Saved) -> None:
    connection.sendall(frame(encode(saved)))


def _is_closed(connection: socket.socket, seconds: float = 0.0) -> bool:
    """Whether the engine has closed its end, waiting so long for it; it sends nothing after its request."""
    return bool(select.select([connection], [], [], seconds)[0])


def main() -> None:
    """Runs the process whose socket is the descriptor named by the first argument."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
