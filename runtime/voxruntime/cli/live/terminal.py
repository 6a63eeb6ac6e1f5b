"""The terminal of a run: keys as they are typed, writing that never waits, and its modes restored however the run ends."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

STDIN, STDERR = 0, 2

MAX_BACKLOG_BYTES = 256 * 1024
"""Output that waits for a terminal that takes none (Ctrl-S, a stuck connection); more is dropped."""

LAST_WORDS_S = 1.0
"""Seconds a stuck terminal gets for what is left at the end."""

LEAVING_SIGNALS = (signal.SIGTSTP, signal.SIGQUIT)
"""Signals of keys that stop or end the process past any `finally`."""

Modes: TypeAlias = list[int | list[bytes | int]]
"""What `termios.tcgetattr` returns."""


def is_terminal() -> bool:
    """Whether stderr is a terminal that can move its cursor, and this process is in its foreground."""
    return os.isatty(STDERR) and os.environ.get("TERM", "") not in ("", "dumb") and _is_foreground(STDERR)


class Terminal:
    """Order: construct, `attached` on a running loop, and within it `write`; again, for another call.

    It writes through a descriptor of its own: were the shell's made non-blocking, every program after this one would
    suffer.

    Args:
        on_keys: Takes what is typed, as it is typed; not called where the keyboard is no terminal.
        keyboard: Descriptor that keys are read from.
        screen: Descriptor of the terminal that is written to.
    """

    def __init__(self, on_keys: Callable[[bytes], None], keyboard: int = STDIN, screen: int = STDERR) -> None:
        self._on_keys = on_keys
        self._keyboard = keyboard
        self._screen = screen
        self._output = -1
        self._backlog = bytearray()
        self._modes: Modes | None = None
        self.can_type = os.isatty(keyboard) and _is_foreground(keyboard)

    @property
    def is_stuck(self) -> bool:
        """Whether the terminal takes no output just now."""
        return bool(self._backlog)

    @property
    def is_ours(self) -> bool:
        """Whether this process is in the terminal's foreground: else the screen belongs to another."""
        return _is_foreground(self._screen)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        with suppress(OSError):
            size = os.get_terminal_size(self._screen)
            if size.columns > 0 and size.lines > 0:
                return size.columns, size.lines
        return 80, 24

    @contextmanager
    def attached(self, loop: asyncio.AbstractEventLoop, before_leaving: Callable[[], None]) -> Iterator[None]:
        """Takes keys one by one as long as the block runs; restores the terminal then.

        Args:
            loop: The running loop.
            before_leaving: Called while it can still write, before the terminal is given back.
        """
        self._output = _open_again(self._screen, os.O_WRONLY)
        self._enter(loop)
        for number in LEAVING_SIGNALS:
            loop.add_signal_handler(number, self._leave_for, loop, number, before_leaving)
        loop.add_signal_handler(signal.SIGCONT, self._enter, loop)
        try:
            yield
        finally:
            for number in (*LEAVING_SIGNALS, signal.SIGCONT):
                loop.remove_signal_handler(number)
            before_leaving()
            self._leave(loop)
            os.close(self._output)

    def write(self, text: str) -> None:
        """Writes as much as the terminal takes at once, and the rest when it takes it."""
        if len(self._backlog) <= MAX_BACKLOG_BYTES:
            was_stuck = self.is_stuck
            self._backlog += text.encode(errors="replace")
            if not was_stuck:
                self._drain()

    def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_writer(self._output)
        try:
            del self._backlog[: os.write(self._output, self._backlog)]
        except BlockingIOError:
            pass
        except OSError:
            # The terminal is gone; the call goes on.
            self._backlog.clear()
        if self._backlog:
            loop.add_writer(self._output, self._drain)

    def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self.can_type or self._modes is not None or not _is_foreground(self._keyboard):
            return
        self._modes = termios.tcgetattr(self._keyboard)
        tty.setcbreak(self._keyboard, termios.TCSANOW)
        loop.add_reader(self._keyboard, self._read, loop)

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_writer(self._output)
        with suppress(OSError):
            while self._backlog and select.select([], [self._output], [], LAST_WORDS_S)[1]:
                del self._backlog[: os.write(self._output, self._backlog)]
        self._backlog.clear()
        if self._modes is None:
            return
        loop.remove_reader(self._keyboard)
        # In the background the shell has the terminal already, and asking for it would stop this process.
        if _is_foreground(self._keyboard):
            with suppress(termios.error):
                termios.tcsetattr(self._keyboard, termios.TCSANOW, self._modes)
        self._modes = None

    def _leave_for(
        self, loop: asyncio.AbstractEventLoop, number: signal.Signals, before_leaving: Callable[[], None]
    ) -> None:
        """Gives the terminal back, then does what the signal does by itself; goes on when it was a stop."""
        before_leaving()
        self._leave(loop)
        loop.remove_signal_handler(number)
        os.kill(os.getpid(), number)
        loop.add_signal_handler(number, self._leave_for, loop, number, before_leaving)
        self._enter(loop)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            octets = os.read(self._keyboard, 4096)
        except OSError:
            octets = b""
        if octets:
            self._on_keys(octets)
        else:
            loop.remove_reader(self._keyboard)


def _is_foreground(descriptor: int) -> bool:
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        # No process group owns it: nobody is stopped for using it.
        return True


def _open_again(descriptor: int, flags: int) -> int:
    """Returns another descriptor of a terminal, one that never blocks where the terminal has a name."""
    try:
        return os.open(os.ttyname(descriptor), flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return os.dup(descriptor)
