"""What new code takes over from the code before it, and what happens to it until then."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from voxruntime.session.queue import Event
from voxruntime.turn.messages import Command

MAX_HELD_EVENTS = 1000
"""Events of one object that wait for new code; the oldest are dropped first."""

_NAMING_FIELDS = ("call", "client", "target", "source", "sink")
"""Fields in which commands name objects."""


class Adoption:
    """The objects of a session that new code has not claimed yet.

    A call or client that the scenario made is claimed by making it again; what happens to it before is told then. An
    incoming call is claimed by whatever is done with it.

    Args:
        made: Handles of what the scenario made.
        incoming: Handles of connected incoming calls.
    """

    def __init__(self, made: Iterable[int], incoming: Iterable[int]) -> None:
        self._held: dict[int, deque[Event]] = {handle: deque(maxlen=MAX_HELD_EVENTS) for handle in made}
        self._incoming = set(incoming)
        self.claimed: set[int] = set()
        """Handles of the code before that are now the new code's."""
        self.is_done = False
        """Whether the handlers that take over have finished."""
        self.is_overdue = False
        """Whether they have had their time."""

    @property
    def unclaimed(self) -> list[int]:
        """What nobody has claimed."""
        return [*self._held, *self._incoming]

    @property
    def held(self) -> Mapping[int, Iterable[Event]]:
        """The events that wait, by object."""
        return self._held

    def holds(self, event: Event) -> bool:
        """Keeps an event of an object that is not claimed yet; False for any other event."""
        held = self._held.get(event.target)
        if held is not None:
            held.append(event)
        return held is not None

    def precede(self, events: Sequence[Event]) -> None:
        """Puts events before those that wait: they were meant for the code before, which did not get them."""
        for event in reversed(events):
            if event.target in self._held:
                self._held[event.target].appendleft(event)

    def claim(self, handle: int) -> Iterable[Event]:
        """Gives an object to the new code and returns what has happened to it meanwhile."""
        self.claimed.add(handle)
        return self._held.pop(handle, ())

    def see(self, command: Command) -> None:
        """Takes note of what a command of the new code names."""
        for field in _NAMING_FIELDS:
            self._incoming.discard(getattr(command, field, 0))
