"""The turns of one session: events to its code, one at a time, and new code in the place of the code that runs.

New code takes over between two turns. It runs once in a process of its own, where nothing it does counts. If that goes
well, the code that runs hands over its state, the new code's top level runs with the list of what is live, and its
commands are carried out. What fails before that leaves the code that runs where it was.
"""

from __future__ import annotations

import weakref
from collections.abc import Coroutine
from typing import Protocol

from voxruntime.errors import ProtocolBreach, ScenarioError, VoxrtError
from voxruntime.session.adoption import Adoption
from voxruntime.session.calls import Calls
from voxruntime.session.code import Code, Handover, HeldBack, Replacement, try_out
from voxruntime.session.deadlines import Deadlines
from voxruntime.session.dialogue import Dialogue
from voxruntime.session.hub import Hub
from voxruntime.session.media import Media
from voxruntime.session.observer import SessionObserver
from voxruntime.session.pace import Pace
from voxruntime.session.queue import Event, Rank
from voxruntime.session.realtime_clients import RealtimeClients
from voxruntime.session.recordings import Recordings
from voxruntime.session.records import Outcome
from voxruntime.session.script import error_of
from voxruntime.session.services import NewCode, SessionPlan, SessionServices
from voxruntime.session.timers import Timers
from voxruntime.turn import messages as turn
from voxruntime.turn.inheritance import Inherited

COMMANDS_AT_ONCE = 100
"""Commands carried out in one go, about 0.2 ms of them: then the media of every session goes first."""


class TurnHost(Hub, Protocol):
    """The session, as its turns see it."""

    timers: Timers
    calls: Calls
    realtime: RealtimeClients
    media: Media
    recordings: Recordings
    has_ended: bool
    """Whether no further event is due."""

    def carry_out(self, command: turn.Command) -> None:
        """Does what the scenario asks."""

    def finish(self, outcome: Outcome) -> None:
        """Ends the session after the turn in flight."""

    def crash(self, error: VoxrtError) -> None:
        """Ends the session at once."""

    def spawn(self, work: Coroutine[object, object, None]) -> object:
        """Runs a coroutine as a task of the session."""


class Turns:
    """Order: `start`, then `run` until the session ends, `wind_down`, `close`; anything else in between.

    Args:
        host: The session.
        plan: What it runs at first.
        services: What the engine gives every session.
        observer: Sees each turn, reply and log line.
    """

    __slots__ = (
        "_code", "_deadlines", "_dialogue", "_host", "_is_for_next_call", "_kept_state", "_meanwhile",
        "_next", "_observer", "_pace", "_replacement", "_services",
    )  # fmt: skip

    def __init__(
        self, host: TurnHost, plan: SessionPlan, services: SessionServices, observer: SessionObserver
    ) -> None:
        # The session has its turns, and outlives whatever they do.
        self._host: TurnHost = weakref.proxy(host)
        self._services = services
        self._observer = observer
        self._pace = Pace()
        self._dialogue = Dialogue(services.clock, self._pace, host.timers.delivered)
        self._deadlines = Deadlines(services.clock)
        self._code = Code(plan, services, host.started_at, observer)
        self._next: Code | None = None
        self._meanwhile: list[Event] = []
        self._replacement: Replacement | None = None
        self._is_for_next_call = False
        self._kept_state = ""

    # What the session asks.

    @property
    def plan(self) -> SessionPlan:
        """What runs now."""
        return self._code.plan

    async def start(self) -> None:
        """Takes a process for the code.

        Raises:
            VoxrtError: None can be started.
        """
        await self._code.script.start(self._services.scenarios, self._services.limits)

    async def run(self) -> None:
        """Runs the code and gives it event after event until the session has ended.

        Raises:
            ScenarioError: The code failed, or its process.
        """
        self._guard_code()
        if not self._host.has_ended:
            await self._apply(await self._code.load())
        while not self._host.has_ended:
            if self._replacement is not None or self._code.adoption is not None:
                await self._step_of_reload()
            elif (reply := await self._dialogue.next_reply(self._code)) is not None:
                await self._apply(reply)

    async def wind_down(self) -> None:
        """Gives the code its last turns.

        Raises:
            ScenarioError: It failed.
        """
        code = self._code
        code.keep(lambda event: event.name == "Call.RecordStopped")
        while not code.script.is_dead and (event := code.take()) is not None:
            await self._deliver(event)
        for name in ("Application.Terminating", "Application.Terminated"):
            if not code.script.is_dead:
                await self._deliver(Event(Rank.SESSION, turn.SESSION, name))

    async def close(self) -> None:
        """Ends the process and returns once it is gone."""
        self._deadlines.drop_all()
        if self._replacement is not None:
            self._replacement.settle(Handover.TOO_LATE)
        await self._code.script.close()
        self._dialogue.end()

    def post(self, event: Event) -> None:
        """Queues an event.

        Raises:
            QueueOverflow: The code is too slow for its events.
        """
        self._dialogue.on_posted()
        if self._next is None:
            self._code.post(event)
        else:
            self._meanwhile.append(event)
            self._next.post(event)

    def wake(self) -> None:
        """Looks again whether the session has ended."""
        self._dialogue.call()

    def is_listening(self, target: int, event: str) -> bool:
        """Whether there is a handler for this event of this object."""
        return self._code.script.is_listening(target, event)

    def kill(self) -> None:
        """Ends the process at once."""
        for code in (self._code, self._next):
            if code is not None:
                code.script.kill()

    def listen(self, command: turn.Listen) -> None:
        """Notes who listens."""
        self._code.script.listen(command)

    async def reload(self, code: NewCode) -> Handover:
        """Lets new code take over between two turns. One at a time.

        Raises:
            ScenarioError: The new code does not load; the code that runs goes on.
            VoxrtError: No scenario process could be started; the code that runs goes on.
        """
        plan = self.plan.successor(code)
        answer = await try_out(plan, self._services, self._host.started_at)
        if self._host.has_ended:
            return Handover.TOO_LATE
        if self._is_for_next_call:
            return Handover.NEXT_CALL
        if answer is Handover.LIVE:
            self._replacement = replacement = Replacement(plan, self._host.now())
            self._dialogue.call()
            return await replacement.done
        return answer

    # What code says about itself and its predecessor.

    def adopt_call(self, command: turn.AdoptCall) -> None:
        """`callPSTN` and its like, for a call that is live."""
        for event in self._host.calls.adopt(command, self._claim(command.call)):
            self._host.post(event)

    def adopt_realtime(self, command: turn.AdoptRealtime) -> None:
        """`createRealtimeAPIClient`, for a client that is live."""
        for event in self._host.realtime.adopt(command, self._claim(command.client)):
            self._host.post(event)

    def reload_done(self, _command: turn.ReloadDone) -> None:
        """The handlers that take over have finished."""
        if self._code.adoption is not None:
            self._code.adoption.is_done = True

    def keep_state(self, command: turn.KeepState) -> None:
        """`Reload.state`, for the code that follows."""
        self._kept_state = command.text

    def next_call_only(self, _command: turn.NextCallOnly) -> None:
        """`Reload.nextCallOnly()`."""
        self._is_for_next_call = True

    def _claim(self, handle: int) -> list[Event]:
        if self._code.adoption is None:
            raise ProtocolBreach(
                "protocol.adopt", f"The scenario process took over object {handle} too late."
            )
        return list(self._code.adoption.claim(handle))

    # The loop.

    async def _step_of_reload(self) -> None:
        """Lets new code take over between two events, or delivers the next one while it settles in."""
        replacement, adoption = self._replacement, self._code.adoption
        if replacement is not None and (self._code.is_idle or replacement.is_overdue(self._host.now())):
            self._replacement = None
            await self._hand_over(replacement)
        elif adoption is not None and adoption.is_overdue:
            self._end_unclaimed(adoption)
        elif (event := self._code.take()) is not None:
            await self._deliver(event)
        elif adoption is not None and adoption.is_done:
            self._end_unclaimed(adoption)
        elif self._replacement is None:
            await self._dialogue.rest()

    async def _deliver(self, event: Event) -> None:
        if event.rank is Rank.TIMER:
            self._host.timers.delivered(event.target)
        await self._apply(await self._code.script.deliver(event))

    async def _apply(self, reply: turn.Reply) -> None:
        for done, command in enumerate(reply.commands, start=1):
            if self._code.adoption is not None:
                self._code.adoption.see(command)
            self._host.carry_out(command)
            if done % COMMANDS_AT_ONCE == 0:
                await self._services.clock.give_way()
        if reply.loaded and not self._code.is_loaded:
            self._code.begin()
        if reply.fault is not None:
            # Its code runs no more: further turns would change nothing.
            self._code.script.is_dead = True
            raise error_of(reply.fault)
        rest_s = self._pace.charge(len(reply.commands), now=self._services.clock.now())
        if rest_s:
            await self._services.clock.sleep(rest_s)

    def _guard_code(self) -> None:
        """Ends the session when its process dies while it has nothing to do, or when its top level hangs."""
        self._host.spawn(self._watch_script(self._code))
        self._deadlines.set("top level", self._services.limits.top_level_s, self._top_level_hangs)

    async def _watch_script(self, code: Code) -> None:
        error = await code.script.died()
        if code is self._code:
            self._host.finish(Outcome("failed", error))

    def _top_level_hangs(self) -> None:
        if not self._code.is_loaded and not self._host.has_ended:
            seconds = f"{self._services.limits.top_level_s:g} s"
            message = f"The top level of the scenario still waits after {seconds}: move what it awaits into a handler."
            self._host.crash(ScenarioError("script.top_level", message, file=self.plan.main_file))

    # New code.

    async def _hand_over(self, replacement: Replacement) -> None:
        await self._dispose()
        if self._host.has_ended:
            replacement.settle(Handover.TOO_LATE)
            return
        calls, old = self._host.calls, self._code
        live, alerts = [*calls.live(), *self._host.realtime.live()], calls.alerts()
        adoption = Adoption([each.handle for each in live], calls.connected_incoming)
        held_back = HeldBack()
        # What happens from here on is news for the new code.
        new = self._next = Code(replacement.plan, self._services, self._host.started_at, held_back, adoption)
        try:
            await new.script.start(self._services.scenarios, self._services.limits)
            reply = await new.load(Inherited(live, len(alerts), calls.attempts, self._kept_state))
            if reply.fault is not None:
                raise error_of(reply.fault)
        except VoxrtError as error:
            await self._take_back(new)
            replacement.settle(Handover.TOO_LATE if self._host.has_ended else error)
            return
        adoption.precede(old.waiting)
        new.alert_first(alerts)
        self._code, self._next = new, None
        self._meanwhile.clear()
        held_back.release(self._observer)
        self._leave_everything_unclaimed()
        self._guard_code()
        replacement.settle(Handover.LIVE)
        old.script.kill()
        await self._apply(reply)
        await old.script.close()

    async def _dispose(self) -> None:
        """Lets the code that runs hand over its state; whatever it does wrong in it stops nothing."""
        self._kept_state = ""
        try:
            await self._deliver(Event(Rank.SESSION, turn.SESSION, "reload.dispose"))
        except ScenarioError as error:
            self._host.note("warning", f"Reload.state is lost: {error}")

    async def _take_back(self, new: Code) -> None:
        """Lets the code that ran go on: the new code failed."""
        self._next = None
        for event in self._meanwhile:
            self._host.post(event)
        self._meanwhile.clear()
        await new.script.close()
        if self._code.script.is_dead:
            self._host.finish(Outcome("failed", await self._code.script.died()))

    def _leave_everything_unclaimed(self) -> None:
        host = self._host
        host.timers.stop_all()
        host.calls.hand_over()
        host.realtime.hand_over()
        host.media.hand_over()
        host.recordings.hand_over()
        self._deadlines.set("reload", self._services.limits.reload_s, self._call_time)

    def _call_time(self) -> None:
        """The new code has had its time; between two turns, what it has not taken over ends."""
        if self._code.adoption is not None:
            self._code.adoption.is_overdue = True
            self._dialogue.call()

    def _end_unclaimed(self, adoption: Adoption) -> None:
        """What the new code has not taken over ends; from its next turn on it makes anew what it asks for."""
        self._deadlines.drop("reload")
        self._code.adoption = None
        self._host.post(Event(Rank.SESSION, turn.SESSION, "reload.settled"))
        for handle in adoption.unclaimed:
            self._host.calls.drop(handle)
        self._host.realtime.end_unclaimed()
        self._host.media.end_unclaimed()
        self._host.recordings.end_unclaimed()
