"""The calls of one session: commands in, leg events in, VoxEngine's call events out.

What a step means (states, codes, event names) stands in `call.state`; here are its effects: the leg is told, the
media graph is changed, the event is queued.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial

from voxruntime.call.leg import CallParty, Leg
from voxruntime.call.state import CallInput, CallNews, CallState, Direction, Moved, OutOfDate
from voxruntime.errors import ConfigError, ProtocolBreach, ScenarioError, VoxrtError
from voxruntime.media.graph import Graph
from voxruntime.session.call_unit import CallUnit, CallWatcher
from voxruntime.session.hub import Hub, unknown_handle
from voxruntime.session.queue import Event, Rank
from voxruntime.session.records import CallRecord
from voxruntime.turn.inheritance import LiveObject
from voxruntime.turn.messages import (
    SESSION,
    AdoptCall,
    AnswerCall,
    HangUpCall,
    Plain,
    RejectCall,
    SetCustomData,
    StartCall,
)

NOT_FOUND = 404

Dial = Callable[[StartCall], Awaitable[Leg | None]]
"""Opens the leg that answers an outgoing call; None when nobody has that number.

Raises `VoxrtError` when the operator's callee cannot be opened.
"""


class Calls:
    """The calls of one session.

    Args:
        hub: The session.
        graph: Where connected legs are plugged in.
        dial: Opens the far end of an outgoing call.
        new_id: Makes public ids of incoming calls.
        spawn: Runs a coroutine as a task of the session.
        watcher: Told of each call's beginning, connection and end, before its event is queued.
    """

    def __init__(
        self,
        hub: Hub,
        graph: Graph,
        dial: Dial,
        new_id: Callable[[], str],
        spawn: Callable[[Coroutine[object, object, None]], object],
        watcher: CallWatcher,
    ) -> None:
        self._hub = hub
        self._graph = graph
        self._dial = dial
        self._new_id = new_id
        self._spawn = spawn
        self._watcher = watcher
        self._calls: dict[int, CallUnit] = {}
        self._incoming = 0
        self._outgoing = 0
        self.failures: list[VoxrtError] = []

    @property
    def active(self) -> list[CallUnit]:
        """The calls that have not ended."""
        return [call for call in self._calls.values() if not call.has_ended]

    @property
    def records(self) -> list[CallRecord]:
        """One record a call, in the order they began."""
        return [call.record for call in self._calls.values()]

    def get(self, handle: int) -> CallUnit:
        """Returns a call.

        Raises:
            ProtocolBreach: A handle that this session never had.
        """
        call = self._calls.get(handle)
        if call is None:
            raise unknown_handle("call", handle)
        return call

    # What the outside does.

    def alert(self, leg: Leg, party: CallParty) -> None:
        """An incoming call: `CallAlerting` is queued, and the caller waits for `answer`."""
        self._incoming += 1
        call = self._add(CallUnit(-self._incoming, self._new_id(), Direction.INCOMING, party))
        self._hub.post(_alerting(call, {}))
        self._open(call, leg)

    def hang_up_far_ends(self, reason: str) -> None:
        """Every far end hangs up: the operator pressed Ctrl-C, or the run's time is over."""
        for call in self.active:
            self._release(call)
            self.step(call, CallInput.FAR_END_HANGS_UP, reason=reason)

    def close(self) -> None:
        """The session has ended: every leg is released; events of it reach nobody."""
        for call in self.active:
            self._release(call)
            self.step(call, CallInput.SCENARIO_HANGS_UP, reason="Session ended")

    def let_go(self) -> None:
        """After `close`: refers to no leg any more, and to nobody who watches."""
        self._watcher = CallWatcher()
        for call in self._calls.values():
            call.leg = None

    # What the scenario does.

    def start(self, command: StartCall) -> None:
        """`callPSTN`, `callSIP`, `callUser`.

        Raises:
            ProtocolBreach: The handle is in use, or there are more calls than the limit, which Lua enforces.
        """
        if command.call in self._calls:
            raise ProtocolBreach("protocol.handle", f"Call {command.call} was started twice.")
        limit = self._hub.limits.call_attempts
        if self._outgoing >= limit:
            raise ProtocolBreach("protocol.calls", f"More than {limit} calls were started in one session.")
        party = CallParty(command.kind, command.callerid, command.to, command.display_name, command.headers)
        call = self._add(CallUnit(command.call, command.id, Direction.OUTGOING, party), command.timeout_s)
        call.asked = command
        self._outgoing += 1
        self._spawn(self._dial_out(call, command))

    def answer(self, command: AnswerCall) -> None:
        """`call:answer()`: the caller hears the scenario from the next tick on."""
        call = self.get(command.call)
        if call.is_handed_over and not call.has_ended:
            call.is_handed_over = False
            self._tell_connected(call)
        elif self.step(call, CallInput.SCENARIO_ANSWERS) and call.leg is not None:
            call.leg.answer(command.headers)

    def reject(self, command: RejectCall) -> None:
        """`call:reject(code)`."""
        call = self.get(command.call)
        if self.step(call, CallInput.SCENARIO_REJECTS, status=command.status) and call.leg is not None:
            call.leg.reject(command.status)

    def hang_up(self, command: HangUpCall) -> None:
        """`call:hangup()`; harmless on a call that has ended."""
        call = self.get(command.call)
        if self.step(call, CallInput.SCENARIO_HANGS_UP):
            self._release(call, command.headers)

    def set_custom_data(self, command: SetCustomData) -> None:
        """`call:customData(text)`."""
        self.get(command.target).custom_data = command.text

    def fail(self, call: CallUnit, code: str, message: str) -> None:
        """A leg broke: the call ends, and the run is told.

        A caller's script that waits in vain for the scenario is the scenario's fault, a lost device the operator's.
        """
        kind = ScenarioError if code.startswith("script.") else ConfigError
        self.failures.append(kind(code, message))
        self._hub.note("error", f"{call.label}: {message} [{code}]")
        self.step(call, CallInput.LEG_BREAKS, reason=message)

    def step(
        self,
        call: CallUnit,
        cause: CallInput,
        *,
        status: int = 0,
        reason: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> bool:
        """Moves a call and does what follows; False when the input came too late to matter."""
        outcome = call.machine.step(cause, status=status, reason=reason)
        if isinstance(outcome, OutOfDate):
            self._hub.note("debug", f"{call.label}: {outcome}")
            return False
        if outcome.new is not outcome.old:
            self._changed(call, outcome)
        payload: dict[str, Plain] = {"headers": dict(headers or {})}
        match outcome.news:
            case CallNews.CONNECTED:
                self._tell_connected(call, headers)
                return True
            case CallNews.FAILED:
                payload |= {"code": outcome.status, "reason": outcome.reason}
            case CallNews.DISCONNECTED:
                payload |= {"internalCode": outcome.status, "reason": outcome.reason, "cost": "0"}
                payload |= {"duration": call.record.duration_ms / 1000, "direction": call.record.direction}
            case CallNews.RINGING:
                pass
        self._hub.post(Event(Rank.CALL, call.handle, outcome.news.value, payload))
        if call.has_ended:
            self._watcher.on_call_ended(call)
        return True

    # What a reload asks.

    @property
    def attempts(self) -> int:
        """Calls that the scenario has started so far."""
        return self._outgoing

    def live(self) -> list[LiveObject]:
        """Returns the scenario's own calls, for code that may take them over."""
        return [call.live(call.asked) for call in self.active if call.asked is not None]

    def alerts(self) -> list[Event]:
        """Returns the news of each live incoming call, as new code gets it."""
        return [_alerting(call, {"reloaded": True}) for call in self.active if call.asked is None]

    @property
    def connected_incoming(self) -> list[int]:
        """Handles of the incoming calls that new code must claim."""
        connected = [call for call in self.active if call.machine.state is CallState.CONNECTED]
        return [call.handle for call in connected if call.asked is None]

    def hand_over(self) -> None:
        """New code has come, which answers connected incoming calls once more."""
        for handle in self.connected_incoming:
            self._calls[handle].is_handed_over = True

    def adopt(self, command: AdoptCall, waiting: list[Event]) -> list[Event]:
        """`callPSTN` and its like, for a call that is live; returns what new code has to hear of it.

        Args:
            command: What claims it.
            waiting: What has happened since the new code came.
        """
        call = self.get(command.call)
        names = {event.name for event in waiting}
        if call.machine.state is CallState.CONNECTED and CallNews.CONNECTED.value not in names:
            self._tell_connected(call)
        return waiting

    def drop(self, handle: int) -> bool:
        """Ends a call that new code has not claimed; False when it is none of the calls."""
        call = self._calls.get(handle)
        if call is None:
            return False
        self._hub.note("warning", f"{call.label} is not taken over by the new code, and ends.")
        self._release(call)
        self.step(call, CallInput.SCENARIO_HANGS_UP)
        return True

    # Inside.

    def _tell_connected(self, call: CallUnit, headers: Mapping[str, str] | None = None) -> None:
        payload: dict[str, Plain] = {"headers": dict(headers or {}), "scheme": ""}
        if call.party.custom_data:
            payload["customData"] = call.party.custom_data
        self._hub.post(Event(Rank.CALL, call.handle, CallNews.CONNECTED.value, payload))

    def _add(self, call: CallUnit, timeout: float | None = None) -> CallUnit:
        self._calls[call.handle] = call
        limit = self._hub.limits.unanswered_s
        call.unanswered = self._hub.clock.call_later(
            min(timeout or limit, limit), partial(self._give_up, call)
        )
        self._watcher.on_call_added(call)
        return call

    def _give_up(self, call: CallUnit) -> None:
        self._release(call)
        self.step(call, CallInput.NOBODY_ANSWERS)

    async def _dial_out(self, call: CallUnit, command: StartCall) -> None:
        try:
            leg = await self._dial(command)
        except VoxrtError as error:
            self._hub.note("error", f"{call.label} to {command.to}: {error}")
            self.step(call, CallInput.LEG_BREAKS, reason=error.message)
            return
        if leg is None:
            self.step(call, CallInput.FAR_END_REFUSES, status=NOT_FOUND)
        elif call.has_ended:
            leg.hang_up({})
        else:
            self._open(call, leg)

    def _open(self, call: CallUnit, leg: Leg) -> None:
        call.leg = leg
        leg.open(call.party, _LegListener(self, call, self._hub))

    def _release(self, call: CallUnit, headers: Mapping[str, str] | None = None) -> None:
        if call.leg is not None:
            call.leg.hang_up(headers or {})

    def _changed(self, call: CallUnit, moved: Moved) -> None:
        assert call.unanswered is not None
        call.unanswered.cancel()
        record, now_ms = call.record, round(self._hub.now() * 1000, 1)
        record.state = moved.new.value
        if moved.new is CallState.CONNECTED and call.leg is not None:
            record.connected_ms = now_ms
            self._graph.add_source(call.leg)
            self._graph.add_sink(call.leg)
            self._watcher.on_call_connected(call)
        elif moved.new is CallState.TERMINATED:
            record.code, record.reason = moved.status, moved.reason
            if record.connected_ms is not None and call.leg is not None:
                record.duration_ms = round(now_ms - record.connected_ms, 1)
                self._graph.remove(call.leg)
        payload: dict[str, Plain] = {"oldState": moved.old.value, "newState": moved.new.value}
        self._hub.post(Event(Rank.CALL, call.handle, "Call.StateChanged", payload))


class _LegListener:
    """Passes a leg's reports on, with the call they are about."""

    def __init__(self, calls: Calls, call: CallUnit, hub: Hub) -> None:
        self._calls = calls
        self._call = call
        self._hub = hub

    def on_ringing(self, headers: Mapping[str, str]) -> None:
        self._calls.step(self._call, CallInput.FAR_END_RINGS, headers=headers)

    def on_answered(self, headers: Mapping[str, str]) -> None:
        self._calls.step(self._call, CallInput.FAR_END_ANSWERS, headers=headers)

    def on_failed(self, status: int, reason: str) -> None:
        self._calls.step(self._call, CallInput.FAR_END_REFUSES, status=status, reason=reason)

    def on_hung_up(self, status: int, reason: str) -> None:
        self._calls.step(self._call, CallInput.FAR_END_HANGS_UP, status=status, reason=reason)

    def on_digit(self, digit: str) -> None:
        self._hub.note("info", f"{self._call.label}: the far end pressed {digit}")

    def on_broken(self, code: str, message: str) -> None:
        self._calls.fail(self._call, code, message)


def _alerting(call: CallUnit, more: dict[str, Plain]) -> Event:
    return Event(Rank.CALL, SESSION, "Application.CallAlerting", call.alerting_payload() | more)
