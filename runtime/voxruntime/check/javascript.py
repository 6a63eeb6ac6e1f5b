"""What somebody who writes JavaScript meant where Lua stopped reading."""

from __future__ import annotations

import re

_HINTS: tuple[tuple[str, str], ...] = (
    (r"!==?", "Lua writes a ~= b"),
    (r"===", "Lua writes a == b"),
    (r"&&", "Lua writes a and b"),
    (r"\|\|", "Lua writes a or b"),
    (r"=>", "Lua writes function(…) … end"),
    (r"\b(const|let|var)\b", "Lua writes local name = value"),
    (r"^\s*//", "a remark begins with --"),
    (r"/\*", "a remark of several lines is --[[ … ]]"),
    (r"\+\+", "Lua writes n = n + 1"),
    (r"[-+*/]=", "Lua writes n = n + 1"),
    (r"\btry\b|\bcatch\b", "Lua writes local ok, err = pcall(function() … end)"),
    (r"\bthrow\b", "Lua writes error({ code = …, message = … })"),
    (r"\.then\b|:then\b", "`then` is a word of Lua: write :next(…)"),
    (r"\bnew\s+\w", "Lua has no new: write Promise.new(…)"),
    (r"\basync\b|\bawait\s+\w", "any function may wait: write await(…)"),
    (r"\belse\s+if\b", "Lua writes elseif"),
    (r"\bswitch\b|\bcase\b", "Lua has no switch: write if … elseif … end"),
    (r"`", 'text is "…" or [[…]], joined by ..'),
    (r"\?.*:", "Lua writes condition and a or b"),
    (r"!\s*\w", "Lua writes not a"),
    (r"(\)|\belse|\bdo)\s*\{\s*$|^\s*\}\s*else\b", "blocks are then … end, do … end, function(…) … end"),
    (r"\bnull\b|\bundefined\b", "Lua writes nil"),
    (r"['\"]?\w+['\"]?\s*:\s", "a table is { name = value }"),
)
_ADDED_TEXT = re.compile(r"attempt to add a '\w+' with a '\w+'|attempt to perform arithmetic on a string")
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'")


def hint_for(line: str, message: str) -> str:
    """Returns how Lua writes what a line that does not compile seems to say; empty when nothing is known.

    Args:
        line: The line at which Lua stopped.
        message: What Lua said of it.
    """
    if re.search(r"near '<\\\d+>'", message):
        return "names are made of Latin letters, digits and _; other letters stand in quotes"
    bare = _STRING.sub('""', line)
    meant = next((hint for pattern, hint in _HINTS if re.search(pattern, bare)), "")
    if not meant and message.startswith("'then' expected"):
        return "Lua writes if condition then … end"
    return meant


def hint_for_failure(message: str) -> str:
    """Returns how Lua writes what failed when it ran; empty when nothing is known.

    Args:
        message: What Lua said of it.
    """
    return "text is joined by ..; + is for numbers" if _ADDED_TEXT.search(message) else ""
