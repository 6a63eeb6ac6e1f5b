"""The screen of a run: lines that scroll, and below them the live block."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from voxruntime.cli.live.block import Line, LiveBlock
from voxruntime.cli.live.terminal import Terminal
from voxruntime.cli.progress import print_line, styled


class Screen:
    """Order: construct, `attached` on a running loop, and within it `show`; `print_line` at any time.

    Args:
        terminal: Shows it.
        console: Knows the terminal's colours and characters.
    """

    def __init__(self, terminal: Terminal, console: Console) -> None:
        self._terminal = terminal
        self._console = console
        self._block = LiveBlock()
        self._shown: tuple[tuple[int, int], Sequence[Line]] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending = ""

    @property
    def can_type(self) -> bool:
        """Whether keys come from this terminal."""
        return self._terminal.can_type

    @property
    def columns(self) -> int:
        """Cells that a line of the block may have: one less than the terminal, lest the cursor wraps."""
        return max(1, self._terminal.size[0] - 1)

    @contextmanager
    def attached(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Shows the block and takes keys as long as the block of code runs; leaves the terminal as it was."""
        self._loop = loop
        try:
            with self._terminal.attached(loop, self._erase):
                yield
        finally:
            self._loop = None

    def print_line(self, line: str, level: str) -> None:
        """Prints a line above the block, or by itself while there is none."""
        if self._loop is None:
            print_line(line, level)
            return
        # Many lines may come at once, each of which would draw the block anew.
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending += styled(line, level) + "\n"

    def show(self, lines: Sequence[Text]) -> None:
        """Draws the block, unless nothing of it has changed or the terminal takes nothing just now."""
        self._flush()
        columns, rows = size = self._terminal.size
        drawn = [Line(self._render(line), line.cell_len) for line in lines[: max(1, rows - 1)]]
        if self._shown != (size, drawn) and not self._terminal.is_stuck and self._terminal.is_ours:
            self._terminal.write(self._block.draw(drawn, columns))
            self._shown = (size, drawn)

    def _render(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", no_wrap=True, overflow="ignore", crop=False)
        return capture.get()

    def _flush(self) -> None:
        text, self._pending = self._pending, ""
        if text:
            self._terminal.write(self._block.print_above(text, self._terminal.size[0]))

    def _erase(self) -> None:
        self._flush()
        self._terminal.write(self._block.erase(self._terminal.size[0]))
        self._shown = None


class LogStream:
    """Takes whole log records in place of stderr.

    Args:
        screen: Where they are shown.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def write(self, text: str) -> None:
        """Takes one record with its line end."""
        if text.strip():
            self._screen.print_line(text.rstrip("\n"), "info")

    def flush(self) -> None:
        """Nothing is kept back here."""
