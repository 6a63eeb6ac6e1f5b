"""One generation of a session's code: its process, and the events that wait for it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial

from voxruntime.session.adoption import Adoption
from voxruntime.session.observer import SessionObserver
from voxruntime.session.queue import Event, EventQueue, Rank
from voxruntime.session.script import Script, error_of
from voxruntime.session.services import SessionPlan, SessionServices
from voxruntime.turn.inheritance import Inherited, first_handle
from voxruntime.turn.messages import SESSION, Load, NextCallOnly, Reply, Turn

PATIENCE_S = 0.5
"""Seconds that running code gets to deal with the events that wait, before other code takes its place."""


class Handover(Enum):
    """What became of new code."""

    LIVE = "it runs"
    NEXT_CALL = "it waits for the next call, as Reload.nextCallOnly() asks"
    TOO_LATE = "the session has ended"


class Replacement:
    """New code that waits until the code which runs has no event left.

    Args:
        plan: What is to run.
        asked_at: Seconds of the session's clock.
    """

    def __init__(self, plan: SessionPlan, asked_at: float) -> None:
        self.plan = plan
        self.done: asyncio.Future[Handover] = asyncio.get_running_loop().create_future()
        self._asked_at = asked_at

    def is_overdue(self, now: float) -> bool:
        """Whether code that is always busy has been waited for long enough."""
        return now - self._asked_at > PATIENCE_S

    def settle(self, outcome: Handover | Exception) -> None:
        """Tells who asked; who has gone away meanwhile is not told."""
        if self.done.done():
            return
        if isinstance(outcome, Handover):
            self.done.set_result(outcome)
        else:
            self.done.set_exception(outcome)


class Code:
    """The code, from `start` to `script.close`.

    Args:
        plan: What runs.
        services: What the engine gives every session.
        started_at: When the session started, in seconds of the engine's clock.
        observer: Sees each turn, reply and log line.
        adoption: What it takes over.
    """

    __slots__ = (
        "_claimed", "_held", "_last_foreign", "_queue", "_services", "_started_at", "adoption", "is_loaded",
        "plan", "script", "take",
    )  # fmt: skip

    def __init__(
        self,
        plan: SessionPlan,
        services: SessionServices,
        started_at: float,
        observer: SessionObserver,
        adoption: Adoption | None = None,
    ) -> None:
        self.plan = plan
        self.script = Script(services.clock, started_at, observer)
        self.adoption = adoption
        self.is_loaded = False
        self._services = services
        self._started_at = started_at
        # The handles of objects that code before this one made end here.
        self._last_foreign = first_handle(plan.generation)
        self._claimed = adoption.claimed if adoption is not None else set()
        limits = services.limits
        self._queue = EventQueue(
            limits.queued_events, limits.queued_event_bytes, partial(_is_wanted, self.script)
        )
        self._held: list[Event] = []
        self.take = self._queue.take
        """Removes and returns the next event; None when none waits."""

    @property
    def is_idle(self) -> bool:
        """Whether no event waits."""
        return len(self._queue) == 0

    async def load(self, inherited: Inherited | None = None) -> Reply:
        """Runs the top level; raises as `Script.load`."""
        services = self._services
        now = services.clock.now() - self._started_at
        message = self.plan.load(now, services.clock, services.limits, inherited)
        return await self.script.load(message)

    def post(self, event: Event) -> None:
        """Queues an event; one of an object that other code made is dropped.

        Raises:
            QueueOverflow: The code is too slow for its events.
        """
        if self.adoption is not None and self.adoption.holds(event):
            return
        target = event.target
        if SESSION < target <= self._last_foreign and target not in self._claimed:
            return
        if not self.is_loaded and _is_of_incoming_call(event):
            self._held.append(event)
        else:
            self._queue.put(event)

    def keep(self, condition: Callable[[Event], bool]) -> None:
        """Drops the events that do not meet the condition."""
        self._queue.keep(condition)

    @property
    def waiting(self) -> list[Event]:
        """Every event that waits, in whatever way."""
        held = [] if self.adoption is None else list(self.adoption.held.values())
        return [*self._held, *self._queue.events, *itertools.chain.from_iterable(held)]

    def alert_first(self, alerts: Iterable[Event]) -> None:
        """Puts the news of live incoming calls before everything else that is known of them."""
        self._held = [*alerts, *self._held]

    def begin(self) -> None:
        """The top level has finished: `Started` comes first, then what waited for it."""
        self.is_loaded = True
        held, self._held = self._held, []
        for event in [
            Event(Rank.SESSION, SESSION, "Application.Started", self.plan.started_payload()),
            *held,
        ]:
            self.post(event)


class HeldBack(SessionObserver):
    """Keeps what code does until it is known whether it counts; then passes everything on."""

    def __init__(self) -> None:
        self._kept: list[Callable[[SessionObserver], None]] = []
        self._observer: SessionObserver | None = None

    def release(self, observer: SessionObserver) -> None:
        """Tells an observer what was kept, and everything from now on."""
        self._observer = observer
        for tell in self._kept:
            tell(observer)
        self._kept.clear()

    def on_log(self, now: float, level: str, text: str, place: str) -> None:
        self._tell(lambda observer: observer.on_log(now, level, text, place))

    def on_sent(self, now: float, message: Load | Turn) -> None:
        self._tell(lambda observer: observer.on_sent(now, message))

    def on_reply(self, now: float, reply: Reply, elapsed_ms: float) -> None:
        self._tell(lambda observer: observer.on_reply(now, reply, elapsed_ms))

    def on_killed(self, now: float, code: str, during: str) -> None:
        self._tell(lambda observer: observer.on_killed(now, code, during))

    def _tell(self, tell: Callable[[SessionObserver], None]) -> None:
        if self._observer is None:
            self._kept.append(tell)
        else:
            tell(self._observer)


async def try_out(plan: SessionPlan, services: SessionServices, started_at: float) -> Handover:
    """Runs the top level of new code in a process of its own; nothing that it does there counts.

    Raises:
        ScenarioError: It fails.
        VoxrtError: No scenario process could be started.
    """
    code = Code(plan, services, started_at, HeldBack())
    try:
        await code.script.start(services.scenarios, services.limits)
        reply = await code.load()
    finally:
        await code.script.close()
    if reply.fault is not None:
        raise error_of(reply.fault)
    wants_next_call = any(isinstance(command, NextCallOnly) for command in reply.commands)
    return Handover.NEXT_CALL if wants_next_call else Handover.LIVE


def _is_wanted(script: Script, event: Event) -> bool:
    return not event.needs_listener or script.is_listening(event.target, event.name)


def _is_of_incoming_call(event: Event) -> bool:
    """Whether the scenario must have had `Started` before this event."""
    return event.name == "Application.CallAlerting" or (event.rank is Rank.CALL and event.target < SESSION)
