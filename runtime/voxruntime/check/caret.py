"""Which part of a line a message is about: Lua names lines, not columns."""

from __future__ import annotations

import re

_FOREIGN = re.compile(r"near '<\\(\d+)>'")
"""How Lua names a character that no word of it begins with: by the first byte of its UTF-8 form."""

_QUOTED = re.compile(r"'([^']+)'|\"([^\"]+)\"|`([^`]+)`")


def span_of(source: str, message: str) -> tuple[int, int]:
    """Returns where in the line the last thing stands that the message quotes, or the function that it begins with.

    Where there is none, where the line's code stands."""
    if "near <eof>" in message:
        end = len(source.rstrip())
        return end, end + 1
    if (byte := _FOREIGN.search(message)) and (begin := _first_of(source, int(byte[1]))) >= 0:
        return begin, begin + 1
    for found in reversed(_QUOTED.findall(message)):
        quoted = next(filter(None, found))
        # `local menu = require("menu")`: a name in quotes is the one that is meant.
        if match := re.search(rf"(?<=['\"]){re.escape(quoted)}(?=['\"])", source):
            return match.span()
        if match := re.search(rf"(?<!\w){re.escape(quoted)}(?!\w)", source):
            return match.span()
        if (begin := source.rfind(quoted)) >= 0:
            return begin, begin + len(quoted)
    if (named := re.match(r"\w+", message)) and (match := re.search(rf"\b{named[0]}(?=\()", source)):
        return match.span()
    begin = len(source) - len(source.lstrip())
    return begin, len(source.rstrip())


def _first_of(source: str, byte: int) -> int:
    """Returns where the first character stands whose UTF-8 form begins with a byte; -1 for none."""
    return next((at for at, character in enumerate(source) if character.encode()[0] == byte), -1)
