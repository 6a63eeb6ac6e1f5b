"""What an operator types during a call: digits are pressed at once, a line after `>` is said. Pure."""

from __future__ import annotations

import codecs
from enum import Enum
from typing import TypeAlias

import msgspec

DIGITS = frozenset("0123456789*#")

MAX_LINE_CHARS = 200
"""Longest line that is said; more is not taken."""

_ENTER = ("\r", "\n")
_ESCAPE = "\x1b"
_BACKSPACE = ("\x7f", "\b")
_CTRL_U = "\x15"
_CTRL_W = "\x17"


class Pressed(msgspec.Struct, frozen=True):
    """Keys of the telephone."""

    digits: str


class Said(msgspec.Struct, frozen=True):
    """A line to be spoken."""

    text: str


class Commanded(msgspec.Struct, frozen=True):
    """A key that is a command."""

    key: str


Typed: TypeAlias = Pressed | Said | Commanded


class _Sequence(Enum):
    """Where in an escape sequence of a cursor or function key the next character stands (ECMA-48 §5.4)."""

    NONE = 0
    INTRODUCER = 1
    SINGLE = 2
    PARAMETERS = 3


class Typing:
    """Turns what a terminal in character mode sends into what is meant.

    Args:
        commands: Keys that are commands.
    """

    def __init__(self, commands: str = "") -> None:
        self.commands = commands
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._sequence = _Sequence.NONE
        self.draft: str | None = None
        """The line as far as it is typed; None while no `>` has begun one."""

    def feed(self, octets: bytes) -> list[Typed]:
        """Takes what was read and returns what it completes."""
        typed: list[Typed] = []
        for character in self._decoder.decode(octets):
            if self._is_of_sequence(character):
                continue
            self._take(character, typed)
        if self._sequence is _Sequence.INTRODUCER:
            # The key itself: a terminal sends a longer sequence in one piece.
            self._sequence = _Sequence.NONE
            self.draft = None
        return typed

    def _is_of_sequence(self, character: str) -> bool:
        match self._sequence:
            case _Sequence.NONE:
                if character != _ESCAPE:
                    return False
                self._sequence = _Sequence.INTRODUCER
            case _Sequence.INTRODUCER:
                known = {"[": _Sequence.PARAMETERS, "O": _Sequence.SINGLE, _ESCAPE: _Sequence.INTRODUCER}
                self._sequence = known.get(character, _Sequence.NONE)
            case _Sequence.SINGLE:
                self._sequence = _Sequence.NONE
            case _Sequence.PARAMETERS:
                if "@" <= character <= "~":
                    self._sequence = _Sequence.NONE
        return True

    def _take(self, character: str, typed: list[Typed]) -> None:
        if self.draft is not None:
            self._edit(self.draft, character, typed)
        elif character == ">":
            self.draft = ""
        elif character in DIGITS:
            last = typed[-1] if typed else None
            if isinstance(last, Pressed):
                typed[-1] = Pressed(last.digits + character)
            else:
                typed.append(Pressed(character))
        elif character in self.commands:
            typed.append(Commanded(character))

    def _edit(self, draft: str, character: str, typed: list[Typed]) -> None:
        if character in _ENTER:
            if draft.strip():
                typed.append(Said(draft.strip()))
            self.draft = None
        elif character in _BACKSPACE:
            self.draft = draft[:-1] if draft else None
        elif character == _CTRL_U:
            self.draft = ""
        elif character == _CTRL_W:
            self.draft = draft.rstrip().rpartition(" ")[0]
        elif character.isprintable() and len(draft) < MAX_LINE_CHARS:
            self.draft = draft + character
