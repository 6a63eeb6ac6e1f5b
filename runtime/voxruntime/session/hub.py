"""What the parts of a session ask of it: one small interface instead of references to each other."""

from __future__ import annotations

from typing import Protocol

from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.errors import ProtocolBreach
from voxruntime.session.queue import Event


class Hub(Protocol):
    """The session, as its calls, media, realtime clients and timers see it.

    Attributes:
        started_at: When the session started, in seconds of `clock`.
    """

    started_at: float

    @property
    def clock(self) -> Clock: ...

    @property
    def limits(self) -> Limits: ...

    def now(self) -> float:
        """Seconds since the session's start."""

    def post(self, event: Event) -> None:
        """Queues an event for the scenario; dropped once the session ends."""

    def note(self, level: str, text: str) -> None:
        """Writes a remark of voxrt itself into the session's log: `debug`, `info`, `warning` or `error`."""

    def is_listening(self, target: int, event: str) -> bool:
        """Whether the scenario has a handler for this event of this object."""


def unknown_handle(kind: str, handle: int) -> ProtocolBreach:
    """A command names an object that was never made: only a broken scenario process does that."""
    return ProtocolBreach(
        "protocol.handle",
        f"The scenario process named {kind} {handle}, which does not exist in this session.",
    )
