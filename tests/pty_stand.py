"""A terminal for tests: what is typed at one end, what is shown, and its modes."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from voxruntime.clock import real_now

_TOKEN = re.compile(r"\x1b\[([\d;]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n])")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


TAKE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes stdin's terminal that of this process, as a login shell has done, then becomes another program."""


class Pty:
    """A pair of descriptors: `user` is the person's side, `slave` the program's."""

    def __init__(self) -> None:
        self.user, self.slave = os.openpty()
        os.set_blocking(self.user, False)
        self.shown = ""
        self._passed = 0

    def close(self) -> None:
        """Takes the terminal away."""
        os.close(self.user)
        os.close(self.slave)

    def resize(self, columns: int, rows: int = 24) -> None:
        """Gives it another size."""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: str) -> None:
        """Presses keys."""
        os.write(self.user, keys.encode())

    def deliver(self, keys: str) -> None:
        """Presses keys and returns once they are at the program's side, which must not read meanwhile.

        The kernel hands them over in its own time, which virtual time does not wait for.
        """
        wanted = self._waiting() + len(keys.encode())
        self.type(keys)
        while self._waiting() < wanted:
            os.sched_yield()

    def _waiting(self) -> int:
        count = fcntl.ioctl(self.slave, termios.FIONREAD, struct.pack("i", 0))
        return int(struct.unpack("i", count)[0])

    @property
    def modes(self) -> list[object]:
        """The terminal's modes."""
        return list(termios.tcgetattr(self.slave))

    @property
    def is_line_mode(self) -> bool:
        """Whether it echoes and hands over whole lines, as a shell expects it."""
        wanted: int = termios.ICANON | termios.ECHO
        return termios.tcgetattr(self.slave)[3] & wanted == wanted

    def read(self, timeout: float = 0.0) -> str:
        """Returns what was shown since the last call, waiting up to `timeout` seconds for it; it is kept in `shown`."""
        new = b""
        while select.select([self.user], [], [], 0.0 if new else timeout)[0]:
            try:
                octets = os.read(self.user, 65536)
            except OSError:
                break
            if not octets:
                break
            new += octets
        text = new.decode(errors="replace")
        self.shown += text
        return text

    def read_until(self, words: str, seconds: float = 30.0) -> None:
        """Reads until some words are shown, after those that were waited for before.

        Raises:
            AssertionError: They were not shown in so many seconds.
        """
        deadline = real_now() + seconds
        while (found := plain(self.shown).find(words, self._passed)) < 0:
            if real_now() > deadline:
                raise AssertionError(f"{words!r} was not shown:\n{plain(self.shown)}")
            self.read(timeout=1.0)
        self._passed = found + len(words)


class Paper:
    """A terminal that never wraps and never scrolls away: enough to see what a block leaves on the screen."""

    def __init__(self) -> None:
        self.rows: list[str] = [""]
        self.row = 0
        self.column = 0

    def write(self, text: str) -> None:
        position = 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            assert token is not None, text[position:]
            position = token.end()
            self._take(token)

    @property
    def text(self) -> list[str]:
        rows = [row.rstrip() for row in self.rows]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def _take(self, token: re.Match[str]) -> None:
        count, command, carriage_return, line_feed, character = token.groups()
        if command == "A":
            self.row = max(0, self.row - int(count))
        elif command == "K":
            self.rows[self.row] = self.rows[self.row][: self.column]
        elif command == "J":
            assert not count
            self.rows[self.row] = self.rows[self.row][: self.column]
            del self.rows[self.row + 1 :]
        elif command == "m":
            pass
        elif carriage_return:
            self.column = 0
        elif line_feed:
            # A terminal in its usual mode begins a new line (ONLCR).
            self.row, self.column = self.row + 1, 0
            if self.row == len(self.rows):
                self.rows.append("")
        elif character:
            row = self.rows[self.row].ljust(self.column)
            self.rows[self.row] = row[: self.column] + character + row[self.column + 1 :]
            self.column += 1
        else:
            raise AssertionError(token[0])


def plain(shown: str) -> str:
    """Returns what was shown, without control sequences and carriage returns."""
    return _CONTROL.sub("", shown).replace("\r", "")


@contextmanager
def open_pty(columns: int = 80) -> Iterator[Pty]:
    """Opens a terminal of some width."""
    pty = Pty()
    pty.resize(columns)
    try:
        yield pty
    finally:
        pty.close()
