"""What code after a reload finds of the code before."""

from __future__ import annotations

import msgspec

GENERATION_BITS = 32
"""Bits of a scenario's handle below the generation of the code that made it."""


def first_handle(generation: int) -> int:
    """Returns the handle before the first that code of this generation makes."""
    return (generation - 1) << GENERATION_BITS


class LiveObject(msgspec.Struct, array_like=True, frozen=True):
    """An object of the code before, which code after a reload gets again by making it with equal arguments.

    Attributes:
        op: Tag of the command that made it.
        handle: Its handle, which stays.
        id: Its public id.
        arguments: Those of the command, without handles and ids.
        mirror: What else Lua knows of it.
    """

    op: str
    handle: int
    id: str
    arguments: list[object]
    mirror: dict[str, object]


class Inherited(msgspec.Struct, array_like=True, frozen=True):
    """What code after a reload finds.

    Attributes:
        live: Objects that it may take over, in the order in which they were made.
        alerts: How many live incoming calls it is told of by `CallAlerting`.
        call_attempts: Calls that the session has started.
        state: `Reload.state` as JSON; empty for none.
    """

    live: list[LiveObject] = []
    alerts: int = 0
    call_attempts: int = 0
    state: str = ""
