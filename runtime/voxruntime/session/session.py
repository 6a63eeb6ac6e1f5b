"""One session: a scenario process, the events it gets, and what its commands do.

The life of a session (VoxEngine "Session lifecycle"): load; `Started` once the top level has finished; events, one
turn at a time; `Terminating` and `Terminated` once the scenario, the operator or a limit ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial

from voxruntime.call.leg import CallParty, Leg
from voxruntime.clock import Clock, Timer
from voxruntime.config import Limits
from voxruntime.errors import BudgetExceeded, ScenarioError, VoxrtError
from voxruntime.media.plan import Observer as AudioTap
from voxruntime.session.calls import Calls, CallUnit, CallWatcher
from voxruntime.session.media import Media
from voxruntime.session.observer import SessionObserver
from voxruntime.session.pace import Pace
from voxruntime.session.queue import Event, EventQueue, QueueOverflow, Rank
from voxruntime.session.realtime import RealtimeClients
from voxruntime.session.recordings import Recordings
from voxruntime.session.records import Outcome
from voxruntime.session.script import KILLED, Script, error_of
from voxruntime.session.services import SessionPlan, SessionServices
from voxruntime.session.timers import Timers
from voxruntime.turn import messages as turn

STOP_GRACE_S = 5.0
"""Seconds a stopped session gets for its Disconnected and Terminating turns."""

COMMANDS_AT_ONCE = 100
"""Commands carried out in one go, about 0.2 ms of them: then the media of every session goes first."""


class Session(CallWatcher):
    """One session. Order: construct, `alert` for an incoming call, `await run()`; `stop` at any time.

    Args:
        plan: What to run, with which ids and seeds.
        services: What the engine gives every session.
        observer: Told of everything that happens: log, event file, terminal.
    """

    def __init__(self, plan: SessionPlan, services: SessionServices, observer: SessionObserver) -> None:
        self.plan = plan
        self._services = services
        self._observer = observer
        self._queue = EventQueue(self.limits.queued_events, self.limits.queued_event_bytes, self._is_wanted)
        self._wake = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._started_at = services.clock.now()
        self._is_loaded = False
        self._held: list[Event] = []
        self._is_winding_down = False
        self._end: Outcome | None = None
        self._stop_result = ""
        self._deadlines: dict[str, Timer] = {}
        self._pace = Pace()
        self._script = Script(services.clock, self.now, observer)
        self.timers = Timers(self)
        self.media = Media(self, services.graph)
        self.recordings = Recordings(self, services.graph, services.files, plan.recordings)
        self.calls = Calls(self, services.graph, services.dial, plan.new_id, self._spawn, self)
        self.realtime = RealtimeClients(self, self.media, partial(services.connect, self._spawn), observer)
        self._handlers = self._command_handlers()

    # What the session's parts ask of it (`hub.Hub`).

    def now(self) -> float:
        return self.clock.now() - self._started_at

    @property
    def clock(self) -> Clock:
        return self._services.clock

    @property
    def limits(self) -> Limits:
        return self._services.limits

    def post(self, event: Event) -> None:
        """Queues an event; a scenario too slow for its events ends."""
        if self._is_winding_down:
            return
        if not self._is_loaded and _is_of_incoming_call(event):
            self._held.append(event)
            return
        try:
            self._queue.put(event)
        except QueueOverflow as overflow:
            waiting = f"{overflow.events} of them ({overflow.size_bytes} bytes) wait"
            message = f"The scenario is too slow for its events: {waiting}."
            self.crash(BudgetExceeded("events.overflow", message))
        self._wake.set()

    def note(self, level: str, text: str) -> None:
        """Writes a remark of voxrt itself into the session's log."""
        self._observer.on_log(self.now(), level, text, "voxrt")

    def is_listening(self, target: int, event: str) -> bool:
        return self._script.is_listening(target, event)

    # What the engine asks of it.

    def alert(self, leg: Leg, party: CallParty) -> None:
        """An incoming call for this session."""
        self.calls.alert(leg, party)

    def watch(self, call: CallUnit, tap: AudioTap) -> None:
        """Calls `tap` after every tick with the frame from a connected call and the frame to it, until the call ends."""
        assert call.leg is not None
        self._services.graph.watch(call.leg, call.leg, tap)

    def after_tick(self) -> None:
        """A frame has moved along every stream of this session."""
        self.realtime.after_tick()

    def stop(self, result: str, reason: str) -> None:
        """Every caller hangs up; the scenario gets its last turns, 5 s at most.

        Args:
            result: The outcome's name, `stopped` or `max_duration`.
            reason: What `Disconnected` gives as its reason.
        """
        if self._end is not None:
            return
        will_react = any(self.is_listening(call.handle, "Call.Disconnected") for call in self.calls.active)
        self.calls.hang_up_far_ends(reason)
        if will_react:
            self._stop_result = result
            self._set_deadline("grace", STOP_GRACE_S, lambda: self._finish(Outcome(result)))
        else:
            self._finish(Outcome(result))

    def crash(self, error: VoxrtError) -> None:
        """Ends the session at once: voxrt itself failed in it."""
        self._cut_short(Outcome("failed", error))

    def abandon(self) -> None:
        """Ends the session at once: no further turn."""
        self._cut_short(Outcome(self._stop_result or "stopped"))

    async def run(self) -> Outcome:
        """Runs the session to its end and returns how it ended; a scenario's fault is an outcome, not an exception.

        Raises:
            VoxrtError: No scenario process could be started.
        """
        await self._script.start(self._services.scenarios, self.limits)
        self._watch_idle()
        self._set_deadline("top level", self.limits.top_level_s, self._top_level_hangs)
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._spawn(self._watch_script())
                await self._live()
                for task in self._tasks:
                    task.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._release_everything()
            await self._script.close()
            await self.recordings.close()
        assert self._end is not None
        self._observer.on_end(self.now(), self._end)
        return self._end

    # The turn loop.

    async def _live(self) -> None:
        try:
            if self._end is None:
                await self._apply(
                    await self._script.load(self.plan.load(self.now(), self.clock, self.limits))
                )
            while self._end is None:
                event = self._queue.take()
                if event is None:
                    self._wake.clear()
                    await self._wake.wait()
                else:
                    await self._deliver(event)
        except ScenarioError as error:
            self._finish(Outcome("failed", error))
        await self._wind_down()

    async def _watch_script(self) -> None:
        """Ends the session when its process dies while it has nothing to do: no turn would find out."""
        error = await self._script.died()
        self._finish(Outcome("failed", error))

    async def _wind_down(self) -> None:
        """Gives the scenario its last turns; timers and outside resources are gone by then."""
        self._release_everything()
        self._is_winding_down = True
        self._queue.keep(lambda event: event.name == "Call.RecordStopped")
        try:
            while not self._script.is_dead and (event := self._queue.take()) is not None:
                await self._deliver(event)
            for name in ("Application.Terminating", "Application.Terminated"):
                if not self._script.is_dead:
                    await self._deliver(Event(Rank.SESSION, turn.SESSION, name))
        except ScenarioError as error:
            assert self._end is not None
            if self._end.error is None and error.code != KILLED:
                self._end = Outcome("failed", error)

    async def _deliver(self, event: Event) -> None:
        if event.rank is Rank.TIMER:
            self.timers.delivered(event.target)
        await self._apply(await self._script.deliver(event))

    async def _apply(self, reply: turn.Reply) -> None:
        for done, command in enumerate(reply.commands, start=1):
            if self._is_winding_down and not isinstance(command, turn.Listen | turn.Terminate):
                self.note("info", f"The session is ending: {type(command).__name__} does nothing any more.")
            else:
                self._handlers[type(command)](command)
            if done % COMMANDS_AT_ONCE == 0:
                await self.clock.give_way()
        if reply.loaded and not self._is_loaded:
            self._is_loaded = True
            self.post(Event(Rank.SESSION, turn.SESSION, "Application.Started", self.plan.started_payload()))
            for event in self._held:
                self.post(event)
            self._held.clear()
        if reply.fault is not None:
            # Its code runs no more: further turns would change nothing.
            self._script.is_dead = True
            raise error_of(reply.fault)
        rest_s = self._pace.charge(len(reply.commands), now=self.now())
        if rest_s:
            await self.clock.sleep(rest_s)

    def _command_handlers(self) -> dict[type[turn.Command], Callable[..., None]]:
        return {
            turn.Listen: self._script.listen,
            turn.Terminate: self._terminate,
            turn.SetCustomData: self._set_custom_data,
            turn.StartTimer: self.timers.start,
            turn.StopTimer: self.timers.stop,
            turn.StartCall: self.calls.start,
            turn.AnswerCall: self.calls.answer,
            turn.RejectCall: self.calls.reject,
            turn.HangUpCall: self.calls.hang_up,
            turn.RecordCall: lambda command: self.recordings.start(self.calls.get(command.call), command),
            turn.SendMedia: self.media.send,
            turn.StopMedia: self.media.stop,
            turn.ClearMedia: self.media.clear,
            turn.ConnectRealtime: self.realtime.connect,
            turn.SendRealtime: self.realtime.send,
            turn.TruncateRealtime: self.realtime.truncate,
            turn.InterruptRealtime: self.realtime.interrupt,
            turn.WatchQuiet: self.realtime.watch_quiet,
            turn.CloseRealtime: self.realtime.close,
        }

    def _terminate(self, _command: turn.Terminate) -> None:
        self._finish(Outcome(self._stop_result or "terminated"))

    def _set_custom_data(self, command: turn.SetCustomData) -> None:
        if command.target == turn.SESSION:
            self.plan.custom_data = command.text
        else:
            self.calls.set_custom_data(command)

    def _is_wanted(self, event: Event) -> bool:
        return not event.needs_listener or self.is_listening(event.target, event.name)

    # Ends.

    def _finish(self, outcome: Outcome) -> None:
        """Ends the session after the turn in flight; the first reason holds."""
        if self._end is None:
            self._end = outcome
        self._wake.set()

    def _cut_short(self, outcome: Outcome) -> None:
        """Ends the session now: its process is killed, no further turn is sent."""
        self._finish(outcome)
        self._script.kill()

    def _top_level_hangs(self) -> None:
        if not self._is_loaded:
            seconds = f"{self.limits.top_level_s:g} s"
            message = f"The top level of the scenario still waits after {seconds}: move what it awaits into a handler."
            self.crash(ScenarioError("script.top_level", message, file=self.plan.main_file))

    def _release_everything(self) -> None:
        for name in list(self._deadlines):
            self._drop_deadline(name)
        self.timers.stop_all()
        self.realtime.close_all()
        self.calls.close()
        self.media.close()

    # What the session's parts tell it.

    def on_call_added(self, call: CallUnit) -> None:
        self.media.add(call.handle, call)
        self._observer.on_call(self.now(), call.record)
        self._watch_idle()

    def on_call_connected(self, call: CallUnit) -> None:
        self.media.begin(call.handle)
        self.recordings.on_call_connected(call)
        self._observer.on_call(self.now(), call.record)

    def on_call_ended(self, call: CallUnit) -> None:
        self.media.end(call.handle)
        self.recordings.on_call_ended(call)
        self._observer.on_call(self.now(), call.record)
        self._watch_idle()

    def _watch_idle(self) -> None:
        self._drop_deadline("idle")
        if not self.calls.active:
            self._set_deadline("idle", self.limits.idle_s, lambda: self._finish(Outcome("idle")))

    def _set_deadline(self, name: str, delay: float, callback: Callable[[], None]) -> None:
        self._deadlines[name] = self.clock.call_later(delay, callback)

    def _drop_deadline(self, name: str) -> None:
        if name in self._deadlines:
            self._deadlines.pop(name).cancel()

    def _spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        assert self._group is not None
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _is_of_incoming_call(event: Event) -> bool:
    """Whether the scenario must have had `Started` before this event."""
    return event.name == "Application.CallAlerting" or (
        event.rank is Rank.CALL and event.target < turn.SESSION
    )
