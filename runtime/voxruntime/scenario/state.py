"""The Lua state of a session, hardened by `stdlib/sandbox.lua`, entered by one coroutine from bytes to bytes.

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
        loop = self._lua.execute(texts[_BOOTSTRAP], *parts, name=f"=stdlib/{_BOOTSTRAP}", mode="t")
        self.step: Callable[[bytes], bytes] = loop.send
        """Gives the state a message, for which there is room; the first byte of the result says what it is
        (`stdlib/sandbox/turns.lua`). Raises LuaError when the state is lost, LuaMemoryError for want of memory."""
        self.used_bytes: Callable[[], int] = self._lua.get_memory_used
        self._lua.gccollect()

    def limit_memory(self, limit_bytes: int) -> None:
        """Sets the ceiling of Lua's memory, in bytes."""
        self._limit_bytes = limit_bytes
        self._lua.set_max_memory(limit_bytes)

    def most_bytes(self, message_bytes: int) -> int:
        """Returns how much memory may be in use where there is room for a message."""
        return self._limit_bytes - message_bytes - HEADROOM_BYTES

    def make_room(self, message_bytes: int) -> None:
        """Collects garbage if there is no room for a message.

        Raises:
            LuaMemoryError: There is none without garbage either.
        """
        most_bytes = self.most_bytes(message_bytes)
        if self.used_bytes() > most_bytes:
            self._lua.gccollect()
            if self.used_bytes() > most_bytes:
                raise LuaMemoryError
