"""The events that wait for a session's next turn: ordered, bounded.

Order: what the session itself says first (`Started`), promise settlements, provider events in wire order, call and
application events, timers by deadline, then creation.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from enum import IntEnum

import msgspec

from voxruntime.turn.messages import Plain

EVENT_OVERHEAD_BYTES = 128
"""What an event without text counts towards the queue's limit."""


class Rank(IntEnum):
    """Which kind of waiting event goes first."""

    SESSION = 0
    SETTLEMENT = 1
    PROVIDER = 2
    CALL = 3
    TIMER = 4


class Event(msgspec.Struct, frozen=True):
    """One event for the scenario.

    Attributes:
        rank: Its place among waiting events.
        target: Handle of its object.
        name: Public event string or internal name.
        payload: Its fields.
        text: A provider's JSON message, undecoded.
        deadline: When a timer was due, seconds; orders timers.
        needs_listener: Whether it is dropped when the scenario does not listen for it at its turn.
    """

    rank: Rank
    target: int
    name: str
    payload: dict[str, Plain] = msgspec.field(default_factory=dict)
    text: str | None = None
    deadline: float = 0.0
    needs_listener: bool = False

    @property
    def size_bytes(self) -> int:
        """Its share of the queue's byte limit."""
        return EVENT_OVERHEAD_BYTES + (len(self.text) if self.text is not None else 0)


class QueueOverflow(Exception):
    """The scenario is too slow: more events wait than the limits allow."""

    def __init__(self, events: int, size_bytes: int) -> None:
        super().__init__(f"{events} events, {size_bytes} bytes wait")
        self.events = events
        self.size_bytes = size_bytes


class EventTooLarge(Exception):
    """An event is dropped: it is larger than the queue, and another such event waits already."""


class EventQueue:
    """Waiting events of one session.

    One event larger than the queue may wait at a time, and counts nothing: large is not slow.

    Args:
        max_events: Most events that may wait.
        max_bytes: Most bytes that may wait.
        is_wanted: Whether an event still has a listener; unwanted ones give way before the queue overflows.
    """

    __slots__ = (
        "_bytes", "_count", "_heap", "_is_large_waiting", "_is_wanted", "_max_bytes", "_max_events",
    )  # fmt: skip

    def __init__(self, max_events: int, max_bytes: int, is_wanted: Callable[[Event], bool]) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._is_wanted = is_wanted
        self._heap: list[tuple[Rank, float, int, Event, int]] = []
        self._count = 0
        self._bytes = 0
        self._is_large_waiting = False

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def events(self) -> list[Event]:
        """The events that wait, in their order."""
        return [entry[3] for entry in sorted(self._heap, key=lambda entry: entry[:3])]

    def put(self, event: Event) -> None:
        """Adds an event.

        Raises:
            QueueOverflow: The limits are passed even without the events nobody listens for.
            EventTooLarge: It is dropped.
        """
        size_bytes = EVENT_OVERHEAD_BYTES if event.text is None else event.size_bytes
        if size_bytes <= self._max_bytes:
            self._bytes += size_bytes
        elif self._is_large_waiting:
            raise EventTooLarge
        else:
            self._is_large_waiting = True
        self._count += 1
        heapq.heappush(self._heap, (event.rank, event.deadline, self._count, event, size_bytes))
        if self._bytes > self._max_bytes or len(self._heap) > self._max_events:
            self._make_room()

    def take(self) -> Event | None:
        """Removes and returns the next event that is wanted; None when none waits."""
        while self._heap:
            _, _, _, event, size_bytes = heapq.heappop(self._heap)
            if size_bytes > self._max_bytes:
                self._is_large_waiting = False
            else:
                self._bytes -= size_bytes
            if self._is_wanted(event):
                return event
        return None

    def keep(self, condition: Callable[[Event], bool]) -> None:
        """Drops the events that do not meet the condition."""
        self._heap = [entry for entry in self._heap if condition(entry[3])]
        heapq.heapify(self._heap)
        sizes = [entry[4] for entry in self._heap]
        self._bytes = sum(size for size in sizes if size <= self._max_bytes)
        self._is_large_waiting = any(size > self._max_bytes for size in sizes)

    def _make_room(self) -> None:
        self.keep(self._is_wanted)
        if self._bytes > self._max_bytes or len(self._heap) > self._max_events:
            raise QueueOverflow(len(self._heap), self._bytes)
