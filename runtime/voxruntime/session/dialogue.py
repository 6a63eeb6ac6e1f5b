"""Event after event to the code, reply after reply back, without the session's task for those that ask for nothing.

Most replies only say that the event was handled. A task would be woken twice for each: for the event and for the reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voxruntime.clock import Clock
from voxruntime.errors import ScenarioError
from voxruntime.session.code import Code
from voxruntime.session.pace import Pace
from voxruntime.session.queue import Rank
from voxruntime.turn.messages import Reply


class Dialogue:
    """The task asks for the `next_reply` that needs it, or has a `rest`; one at a time, and never beside turns of its own.

    Args:
        clock: The engine's.
        pace: How fast turns may follow each other.
        on_timer: Told of each timer whose event goes to the code.
    """

    __slots__ = ("_clock", "_code", "_is_busy", "_is_called", "_loop", "_on_timer", "_pace", "_waiting")

    def __init__(self, clock: Clock, pace: Pace, on_timer: Callable[[int], None]) -> None:
        self._clock = clock
        self._loop = clock.loop
        self._pace = pace
        self._on_timer = on_timer
        self._code: Code | None = None
        self._waiting: asyncio.Future[Reply | None] | None = None
        self._is_busy = False
        self._is_called = False

    def next_reply(self, code: Code) -> asyncio.Future[Reply | None]:
        """Sends events to the code until a reply has something to carry out; None once `call` asks for the task.

        The result raises ScenarioError when the process was stopped or ended.
        """
        self._code, self._is_called = code, False
        waiting = self._waiting = self._loop.create_future()
        self._go_on()
        return waiting

    def rest(self) -> asyncio.Future[Reply | None]:
        """Sends nothing; None at the next event or `call`."""
        self._is_called = True
        waiting = self._waiting = self._loop.create_future()
        return waiting

    def on_posted(self) -> None:
        """An event waits. It is sent when this callback of the loop is over: another may have to go first."""
        if self._waiting is not None and not self._is_busy:
            self._is_busy = True
            self._loop.call_soon(self._go_on)

    def call(self) -> None:
        """Something has changed that the task must see, after the turn in flight."""
        self._is_called = True
        self.on_posted()

    def end(self) -> None:
        """The code has ended: nothing is sent any more."""
        self._code = None

    def _go_on(self) -> None:
        self._is_busy = False
        if self._is_called:
            self._wake_task(None)
        elif self._code is not None and (event := self._code.take()) is not None:
            self._is_busy = True
            if event.rank is Rank.TIMER:
                self._on_timer(event.target)
            self._code.script.ask(event, self)

    # What comes of a turn (`scenario.replies.ReplyTaker`).

    def on_reply(self, reply: Reply) -> None:
        """The code has handled the event."""
        assert self._code is not None
        if reply.commands or reply.fault is not None or reply.loaded != self._code.is_loaded:
            self._wake_task(reply)
        elif rest_s := self._pace.charge(0, now=self._clock.latest):
            self._clock.call_later(rest_s, self._go_on)
        else:
            self._go_on()

    def on_failed(self, error: ScenarioError) -> None:
        """There will be no reply."""
        waiting = self._take_waiting()
        if waiting is not None:
            waiting.set_exception(error)

    def _wake_task(self, reply: Reply | None) -> None:
        waiting = self._take_waiting()
        if waiting is not None:
            waiting.set_result(reply)

    def _take_waiting(self) -> asyncio.Future[Reply | None] | None:
        """Leaves everything to the task, if it still waits."""
        waiting, self._waiting, self._is_busy = self._waiting, None, False
        return None if waiting is None or waiting.done() else waiting
