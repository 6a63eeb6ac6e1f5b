"""One session: a scenario process, the events it gets, and what its commands do.

The life of a session (VoxEngine "Session lifecycle"): load; `Started` once the top level has finished; events, one
turn at a time; `Terminating` and `Terminated` once the scenario, the operator or a limit ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial

from voxruntime.call.leg import CallParty, Leg
from voxruntime.clock import Clock
from voxruntime.config import Limits
from voxruntime.errors import BudgetExceeded, ScenarioError, VoxrtError
from voxruntime.media.plan import Observer as AudioTap
from voxruntime.session.call_unit import CallUnit, CallWatcher
from voxruntime.session.calls import Calls
from voxruntime.session.code import Handover
from voxruntime.session.deadlines import Deadlines
from voxruntime.session.hub import PartsHub
from voxruntime.session.media import Media
from voxruntime.session.observer import SessionObserver
from voxruntime.session.queue import Event, EventTooLarge, QueueOverflow
from voxruntime.session.realtime_clients import RealtimeClients
from voxruntime.session.recordings import Recordings
from voxruntime.session.records import Outcome
from voxruntime.session.script import KILLED
from voxruntime.session.services import NewCode, SessionPlan, SessionServices
from voxruntime.session.timers import Timers
from voxruntime.session.turns import Turns
from voxruntime.turn import messages as turn

STOP_GRACE_S = 5.0
"""Seconds a stopped session gets for its Disconnected and Terminating turns."""


class _Tasks:
    """The tasks of a session, by themselves: what may start one need not refer to the session."""

    def __init__(self) -> None:
        self.group: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        assert self.group is not None
        task = self.group.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel_all(self) -> None:
        for task in self._running:
            task.cancel()


class Session(CallWatcher):
    """One session. Order: construct, `alert` for an incoming call, `await run()`; `stop` at any time.

    Args:
        plan: What to run, with which ids and seeds.
        services: What the engine gives every session.
        observer: Told of everything that happens: log, event file, terminal.
    """

    def __init__(self, plan: SessionPlan, services: SessionServices, observer: SessionObserver) -> None:
        self._services = services
        self._clock = services.clock
        self._observer = observer
        self._tasks = _Tasks()
        self.started_at = services.clock.now()
        self._is_winding_down = False
        self._end: Outcome | None = None
        self.has_ended = False
        self._stop_result = ""
        self._deadlines = Deadlines(services.clock)
        self._hub = hub = PartsHub(self, self.started_at)
        self.timers = Timers(hub)
        self.media = Media(hub, services.graph)
        self.recordings = Recordings(hub, services.graph, services.files, plan.recordings)
        self.calls = Calls(hub, services.graph, services.dial, plan.new_id, self._tasks.spawn, self)
        connect = partial(services.connect, self._tasks.spawn)
        self.realtime = RealtimeClients(hub, self.media, connect, observer, services.files, plan)
        self.after_tick = self.realtime.after_tick
        """Called once a frame has moved along every stream of this session."""
        self._turns = Turns(self, plan, services, observer)
        self._handlers = self._command_handlers()

    # What the session's parts ask of it (`hub.Hub`).

    def now(self) -> float:
        return self._clock.now() - self.started_at

    @property
    def plan(self) -> SessionPlan:
        """What runs now."""
        return self._turns.plan

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def limits(self) -> Limits:
        return self._services.limits

    def post(self, event: Event) -> None:
        """Queues an event; a scenario too slow for its events ends."""
        if self._is_winding_down:
            return
        try:
            self._turns.post(event)
        except EventTooLarge:
            size = f"{event.size_bytes} bytes"
            self.note("warning", f"{event.name} of {size} is dropped: another event as large waits.")
        except QueueOverflow as overflow:
            waiting = f"{overflow.events} of them ({overflow.size_bytes} bytes) wait"
            message = f"The scenario is too slow for its events: {waiting}."
            self.crash(BudgetExceeded("events.overflow", message))

    def note(self, level: str, text: str) -> None:
        """Writes a remark of voxrt itself into the session's log."""
        self._observer.on_log(self.now(), level, text, "voxrt")

    def is_listening(self, target: int, event: str) -> bool:
        return self._turns.is_listening(target, event)

    # What the engine asks of it.

    def alert(self, leg: Leg, party: CallParty) -> None:
        """An incoming call for this session."""
        self.calls.alert(leg, party)

    def watch(self, call: CallUnit, tap: AudioTap) -> None:
        """Calls `tap` after every tick with the frame from a connected call and the frame to it, until the call ends."""
        assert call.leg is not None
        self._services.graph.watch(call.leg, call.leg, tap)

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
            self._deadlines.set("grace", STOP_GRACE_S, lambda: self.finish(Outcome(result)))
        else:
            self.finish(Outcome(result))

    def crash(self, error: VoxrtError) -> None:
        """Ends the session at once: voxrt itself failed in it."""
        self._cut_short(Outcome("failed", error))

    def abandon(self) -> None:
        """Ends the session at once: no further turn."""
        self._cut_short(Outcome(self._stop_result or "stopped"))

    async def reload(self, code: NewCode) -> Handover:
        """Lets new code take over calls, clients, recordings and media between two turns. One at a time.

        Raises:
            ScenarioError: The new code does not load; the code that runs goes on.
            VoxrtError: No scenario process could be started; the code that runs goes on.
        """
        return await self._turns.reload(code)

    async def run(self) -> Outcome:
        """Runs the session to its end and returns how it ended; a scenario's fault is an outcome, not an exception.

        Raises:
            VoxrtError: No scenario process could be started.
        """
        await self._turns.start()
        self._watch_idle()
        try:
            async with asyncio.TaskGroup() as group:
                self._tasks.group = group
                await self._live()
                self._tasks.cancel_all()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._release_everything()
            await self._turns.close()
            await self.recordings.close()
            self._let_go()
        assert self._end is not None
        self._observer.on_end(self.now(), self._end)
        return self._end

    async def _live(self) -> None:
        try:
            await self._turns.run()
        except ScenarioError as error:
            # Its traceback refers to this session and its process, which refer to it.
            self.finish(Outcome("failed", error.with_traceback(None)))
        self._release_everything()
        self._is_winding_down = True
        try:
            await self._turns.wind_down()
        except ScenarioError as error:
            error.__traceback__ = None
            assert self._end is not None
            if self._end.error is None and error.code != KILLED:
                self._end = Outcome("failed", error)

    # What its turns ask of it (`turns.TurnHost`).

    def carry_out(self, command: turn.Command) -> None:
        if self._is_winding_down and not isinstance(command, turn.Listen | turn.Terminate):
            self.note("info", f"The session is ending: {type(command).__name__} does nothing any more.")
        else:
            self._handlers[type(command)](command)

    def finish(self, outcome: Outcome) -> None:
        """Ends the session after the turn in flight; the first reason holds."""
        if self._end is None:
            self._end, self.has_ended = outcome, True
        self._turns.wake()

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        return self._tasks.spawn(work)

    def _command_handlers(self) -> dict[type[turn.Command], Callable[..., None]]:
        return {
            turn.Listen: self._turns.listen,
            turn.Terminate: self._terminate,
            turn.SetCustomData: self._set_custom_data,
            turn.StartTimer: self.timers.start,
            turn.StopTimer: self.timers.stop,
            turn.StartCall: self.calls.start,
            turn.AdoptCall: self._turns.adopt_call,
            turn.AnswerCall: self.calls.answer,
            turn.RejectCall: self.calls.reject,
            turn.HangUpCall: self.calls.hang_up,
            turn.RecordCall: lambda command: self.recordings.start(self.calls.get(command.call), command),
            turn.SendMedia: self.media.send,
            turn.StopMedia: self.media.stop,
            turn.ClearMedia: self.media.clear,
            turn.ConnectRealtime: self.realtime.connect,
            turn.AdoptRealtime: self._turns.adopt_realtime,
            turn.SendRealtime: self.realtime.send,
            turn.TruncateRealtime: self.realtime.truncate,
            turn.InterruptRealtime: self.realtime.interrupt,
            turn.WatchQuiet: self.realtime.watch_quiet,
            turn.CloseRealtime: self.realtime.close,
            turn.ReloadDone: self._turns.reload_done,
            turn.KeepState: self._turns.keep_state,
            turn.NextCallOnly: self._turns.next_call_only,
        }

    def _terminate(self, _command: turn.Terminate) -> None:
        self.finish(Outcome(self._stop_result or "terminated"))

    def _set_custom_data(self, command: turn.SetCustomData) -> None:
        if command.target == turn.SESSION:
            self._turns.plan.custom_data = command.text
        else:
            self.calls.set_custom_data(command)

    # Ends.

    def _cut_short(self, outcome: Outcome) -> None:
        """Ends the session now: its process is killed, no further turn is sent."""
        self.finish(outcome)
        self._turns.kill()

    def _release_everything(self) -> None:
        self._deadlines.drop_all()
        self.timers.stop_all()
        self.realtime.close_all()
        self.calls.close()
        self.media.close()

    def _let_go(self) -> None:
        """Cuts every way from its parts back to it, which only the collector would find: that stalls all media."""
        self._hub.cut()
        self._handlers.clear()
        self.calls.let_go()

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
        self._deadlines.drop("idle")
        if not self.calls.active:
            self._deadlines.set("idle", self.limits.idle_s, lambda: self.finish(Outcome("idle")))
