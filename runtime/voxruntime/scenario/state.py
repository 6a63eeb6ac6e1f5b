"""The Lua state of a session: hardened by `stdlib/sandbox.lua`, entered through one function from bytes to bytes.

What may and may not be done with a state is in the research on lupa, and the reason is always the same: the host's
side of an entry is not protected, so an allocation that fails there aborts the process. No Python object is ever
given to Lua, no Lua table is ever read from Python, and nothing is passed in unless it fits.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from lupa.lua54 import LuaMemoryError, LuaRuntime

HEADROOM_BYTES = 64 * 1024
"""Memory that an entry may need beside the message itself."""


class OutOfMemory(Exception):
    """The state cannot be entered again, or failed inside for want of memory."""


def read_stdlib(folder: str) -> dict[str, bytes]:
    """Returns the Lua texts of stdlib by path (`sandbox.lua`, `voxengine/call.lua`), without the type stubs."""
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

    def __init__(self, texts: dict[str, bytes]) -> None:
        self._lua = LuaRuntime(
            encoding=None,
            source_encoding="utf-8",
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=False,
            attribute_handlers=(_deny, _deny),
            max_memory=0,
        )
        arguments = [part for name, text in texts.items() for part in (name.encode(), text)]
        self._step: Callable[[bytes], bytes] = self._lua.execute(
            texts["sandbox.lua"], *arguments, name="=stdlib/sandbox.lua", mode="t"
        )
        self._lua.gccollect()

    def limit_memory(self, limit_bytes: int) -> None:
        """Sets the ceiling of Lua's memory, in bytes."""
        self._lua.set_max_memory(limit_bytes)

    def step(self, message: bytes) -> bytes:
        """Enters the state with a message.

        Raises:
            OutOfMemory: There is no room for the message, or Lua ran out of memory outside of the scenario's code.
            LuaError: The bootstrap itself failed.
        """
        if not self._has_room(len(message)):
            self._lua.gccollect()
            if not self._has_room(len(message)):
                raise OutOfMemory
        try:
            return self._step(message)
        except LuaMemoryError:
            raise OutOfMemory from None

    def _has_room(self, size: int) -> bool:
        limit = self._lua.get_max_memory()
        return not limit or limit - self._lua.get_memory_used() > size + HEADROOM_BYTES
