"""The Lua state of a session, hardened by `stdlib/sandbox.lua`, entered by one function from bytes to bytes.

The host's side of an entry is not protected: an allocation that fails there aborts the process. So no Python
object is ever given to Lua, no Lua table is ever read from Python, and nothing is passed in unless it fits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from lupa.lua54 import LuaMemoryError, LuaRuntime

_BOOTSTRAP = "sandbox.lua"

HEADROOM_BYTES = 64 * 1024
"""Memory that an entry may need beside the message itself."""


class OutOfLuaMemory(Exception):
    """There is no room in the state for a message, or Lua failed for want of memory."""


def read_stdlib(folder: str) -> dict[str, bytes]:
    """Returns the Lua texts of stdlib by path (`voxengine/call.lua`), without the type stubs."""
    texts = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "_meta")
        for name in sorted(files):
            if name.endswith(".lua"):
                path = os.path.join(parent, name)
                with open(path, "rb") as file:
                    texts[os.path.relpath(path, folder).replace(os.sep, "/")] = file.read()
    return texts


def _deny(*_: object) -> object:
    raise AttributeError


class LuaState:
    """A hardened state, ready for a `Load`.

    Args:
        texts: What `read_stdlib` returns.
    """

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self._limit_bytes = sys.maxsize
        self._lua = LuaRuntime(
            encoding=None,
            source_encoding="utf-8",
            register_eval=False,
            register_builtins=False,
            attribute_handlers=(_deny, _deny),
            max_memory=0,
        )
        parts = [part for name, text in texts.items() if name != _BOOTSTRAP for part in (name.encode(), text)]
        self._step: Callable[[bytes], bytes] = self._lua.execute(
            texts[_BOOTSTRAP], *parts, name=f"=stdlib/{_BOOTSTRAP}", mode="t"
        )
        self._lua.gccollect()

    def limit_memory(self, limit_bytes: int) -> None:
        """Sets the ceiling of Lua's memory, in bytes."""
        self._limit_bytes = limit_bytes
        self._lua.set_max_memory(limit_bytes)

    def step(self, message: bytes) -> bytes:
        """Enters the state with a message; the first byte of the result says what it is (`stdlib/sandbox/turns.lua`).

        Raises:
            OutOfLuaMemory: The message does not fit, or Lua ran out of memory; the state is then lost.
        """
        if self._limit_bytes - self._lua.get_memory_used() <= len(message) + HEADROOM_BYTES:
            self._make_room(len(message) + HEADROOM_BYTES)
        try:
            return self._step(message)
        except LuaMemoryError:
            raise OutOfLuaMemory from None

    def _make_room(self, wanted_bytes: int) -> None:
        self._lua.gccollect()
        if self._limit_bytes - self._lua.get_memory_used() <= wanted_bytes:
            raise OutOfLuaMemory
