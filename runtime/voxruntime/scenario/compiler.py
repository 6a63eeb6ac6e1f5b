"""Whether a text is Lua, by the interpreter that would run it. Nothing of the text is run."""

from __future__ import annotations

import re

import msgspec
from lupa.lua54 import LuaRuntime

_COMPILE = """
local load = load
return function(text, name)
  local chunk, message = load(text, name, "t")
  return chunk == nil and message or nil
end
"""
_PLACED = re.compile(rb"^(.*?):(\d+): (.*)$", re.S)


class SyntaxFault(msgspec.Struct, frozen=True):
    """Why a text does not compile."""

    line: int
    message: str


def syntax_fault(text: str) -> SyntaxFault | None:
    """Returns why a text is not Lua 5.4, in the interpreter's own words; None when it is."""
    lua = LuaRuntime(encoding=None, source_encoding="utf-8", register_eval=False, register_builtins=False)
    message = lua.execute(_COMPILE)(text.encode("utf-8", "surrogatepass"), b"=text")
    if message is None:
        return None
    placed = _PLACED.match(message)
    if placed is None:
        return SyntaxFault(1, message.decode("utf-8", "backslashreplace"))
    return SyntaxFault(int(placed[2]), placed[3].decode("utf-8", "backslashreplace"))
