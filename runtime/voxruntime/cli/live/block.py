"""A few lines at the bottom of a terminal that are drawn anew in place, while other lines scroll above. Pure.

Only control sequences that every terminal of the last decades knows (ECMA-48: CUU, ED, EL) are used.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Line(msgspec.Struct, frozen=True):
    """One line of the block.

    Attributes:
        text: With its control sequences.
        cells: Its width.
    """

    text: str
    cells: int


class LiveBlock:
    """Knows where the cursor stands relative to the block. Write what each method returns, in order."""

    def __init__(self) -> None:
        self._drawn: Sequence[Line] = ()
        self._columns = 0

    def draw(self, lines: Sequence[Line], columns: int) -> str:
        """Returns what draws the lines in place of those before.

        Args:
            lines: What to show, each narrower than `columns`; one line at least.
            columns: Width of the terminal now.
        """
        start = self._to_start(columns)
        # Each line is overwritten, then its rest erased: erasing all first would flicker. But a terminal of another
        # width still takes rows that it wrapped for one line, until they are erased whole.
        if self._drawn and columns != self._columns:
            start += "\x1b[J"
        self._drawn, self._columns = lines, columns
        return start + "\x1b[K\r\n".join(line.text for line in lines) + "\x1b[K\x1b[J"

    def print_above(self, text: str, columns: int) -> str:
        """Returns what puts whole lines above the block, which stays."""
        if not self._drawn:
            return text
        return f"{self._to_start(columns)}\x1b[J{text}" + LiveBlock().draw(self._drawn, columns)

    def erase(self, columns: int) -> str:
        """Returns what takes the block away; the cursor stands where it began."""
        start = self._to_start(columns)
        self._drawn = ()
        return start + "\x1b[J" if start else ""

    def _to_start(self, columns: int) -> str:
        """Returns what moves the cursor from the block's end to its start."""
        if not self._drawn:
            return ""
        # A terminal that became narrower has wrapped what was drawn wider.
        rows = sum(max(1, -(-line.cells // columns)) for line in self._drawn)
        return f"\r\x1b[{rows - 1}A" if rows > 1 else "\r"
