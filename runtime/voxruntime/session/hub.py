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


class PartsHub:
    """The session as its parts hold it; `cut` at its end, so that it is freed with its last user and not by the collector.

    Args:
        session: Passes everything on to it.
        started_at: When it started, in seconds of its clock.
    """

    __slots__ = ("clock", "is_listening", "limits", "note", "post", "started_at")

    def __init__(self, session: Hub, started_at: float) -> None:
        self.clock = session.clock
        self.limits = session.limits
        self.started_at = started_at
        self.post = session.post
        self.note = session.note
        self.is_listening = session.is_listening

    def now(self) -> float:
        """Seconds since the session's start."""
        return self.clock.now() - self.started_at

    def cut(self) -> None:
        """The session is over: what parts still report reaches nobody."""
        self.post, self.note, self.is_listening = _ignore_event, _ignore_note, _listen_to_nothing


def _ignore_event(event: Event) -> None: ...


def _ignore_note(level: str, text: str) -> None: ...


def _listen_to_nothing(target: int, event: str) -> bool:  # noqa: ARG001  # whatever it is
    return False


def unknown_handle(kind: str, handle: int) -> ProtocolBreach:
    """A command names an object that was never made: only a broken scenario process does that."""
    return ProtocolBreach(
        "protocol.handle",
        f"The scenario process named {kind} {handle}, which does not exist in this session.",
    )
