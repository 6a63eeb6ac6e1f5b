from collections.abc import Callable, Coroutine

import pytest

from session_doubles import RecordingHub, ToldLeg
from voxruntime.call.leg import CallParty, Leg
from voxruntime.config import Limits
from voxruntime.errors import ConfigError, ProtocolBreach
from voxruntime.media.graph import Graph
from voxruntime.session.call_unit import CallUnit, CallWatcher
from voxruntime.session.calls import Calls
from voxruntime.testing import virtual_loop
from voxruntime.turn.messages import AnswerCall, HangUpCall, RejectCall, StartCall

PARTY = CallParty("pstn", "79161234567", "74951112233", "Anna", {"X-Trace": "1"}, "from the queue")


class Recorded(CallWatcher):
    """Keeps what happened to calls, with the number of events posted by then."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_call_added(self, call: CallUnit) -> None:
        self.seen.append(f"added {call.handle}")

    def on_call_connected(self, call: CallUnit) -> None:
        self.seen.append(f"connected {call.handle}")

    def on_call_ended(self, call: CallUnit) -> None:
        self.seen.append(f"ended {call.handle}")


class Stand:
    """Calls with everything around them."""

    def __init__(self, callee: Leg | Exception | None = None, limits: Limits | None = None) -> None:
        self.hub = RecordingHub(limits)
        self.graph = Graph()
        self.watcher = Recorded()
        self.work: list[Coroutine[object, object, None]] = []
        self._callee = callee
        self.calls = Calls(
            self.hub, self.graph, self._dial, lambda: "incoming-id", self.work.append, self.watcher
        )

    async def _dial(self, _command: StartCall) -> Leg | None:
        if isinstance(self._callee, Exception):
            raise self._callee
        return self._callee

    async def dial(self) -> None:
        for coroutine in self.work:
            await coroutine
        self.work.clear()

    def payload(self, name: str) -> dict[str, object]:
        return next(event.payload for event in self.hub.events if event.name == name)


def in_virtual_time(test: Callable[[], Coroutine[object, object, None]]) -> Callable[[], None]:
    def run() -> None:
        virtual_loop.run(test())

    run.__name__ = test.__name__
    return run


@in_virtual_time
async def test_an_incoming_call_alerts_with_what_the_caller_shows() -> None:
    stand = Stand()
    leg = ToldLeg()
    stand.calls.alert(leg, PARTY)
    payload = stand.payload("Application.CallAlerting")
    assert payload["call"] == -1
    assert payload["id"] == "incoming-id"
    assert payload["callerid"] == "79161234567"
    assert payload["destination"] == "74951112233"
    assert payload["displayName"] == "Anna"
    assert payload["headers"] == {"X-Trace": "1"}
    assert payload["customData"] == "from the queue"
    assert leg.told == ["open 74951112233"]
    stand.calls.close()


@in_virtual_time
async def test_answer_connects_the_leg_to_the_graph() -> None:
    stand = Stand()
    leg = ToldLeg()
    stand.calls.alert(leg, PARTY)
    stand.calls.answer(AnswerCall(-1))
    stand.graph.tick()
    assert leg.told[-1] == "answer"
    assert len(leg.heard) == 1
    assert stand.hub.names[1:] == ["Call.StateChanged", "Call.Connected"]
    assert stand.watcher.seen == ["added -1", "connected -1"]
    stand.calls.close()


@in_virtual_time
async def test_hangup_by_the_far_end_disconnects_with_its_duration() -> None:
    stand = Stand()
    leg = ToldLeg()
    stand.calls.alert(leg, PARTY)
    stand.calls.answer(AnswerCall(-1))
    await stand.hub.clock.sleep(2.5)
    assert leg.events is not None
    leg.events.on_hung_up(0, "")
    payload = stand.payload("Call.Disconnected")
    assert (payload["internalCode"], payload["reason"]) == (200, "Normal call clearing")
    assert payload["duration"] == pytest.approx(2.5)
    assert payload["direction"] == "incoming"
    stand.graph.tick()
    assert leg.heard == []
    assert stand.calls.active == []


@in_virtual_time
async def test_a_late_hangup_is_a_remark_and_nothing_else() -> None:
    stand = Stand()
    stand.calls.alert(ToldLeg(), PARTY)
    stand.calls.reject(RejectCall(-1, 486))
    events = list(stand.hub.events)
    stand.calls.hang_up(HangUpCall(-1))
    stand.calls.answer(AnswerCall(-1))
    assert stand.hub.events == events
    assert len(stand.hub.notes) == 2


@in_virtual_time
async def test_reject_disconnects_with_the_scenarios_code() -> None:
    stand = Stand()
    leg = ToldLeg()
    stand.calls.alert(leg, PARTY)
    stand.calls.reject(RejectCall(-1, 486))
    assert leg.told[-1] == "reject 486"
    assert stand.payload("Call.Disconnected")["internalCode"] == 486


@in_virtual_time
async def test_an_unanswered_incoming_call_ends_after_60_s() -> None:
    stand = Stand()
    leg = ToldLeg()
    stand.calls.alert(leg, PARTY)
    await stand.hub.clock.sleep(61)
    assert leg.told[-1] == "hang up"
    assert stand.payload("Call.Disconnected")["internalCode"] == 408


@in_virtual_time
async def test_an_outgoing_call_rings_and_connects() -> None:
    leg = ToldLeg()
    stand = Stand(leg)
    stand.calls.start(StartCall(1, "out", "pstn", "7495", callerid="7916"))
    await stand.dial()
    assert leg.events is not None
    leg.events.on_ringing({})
    leg.events.on_answered({"X-Who": "callee"})
    assert stand.hub.names == ["Call.Ringing", "Call.StateChanged", "Call.Connected"]
    assert stand.payload("Call.Connected")["headers"] == {"X-Who": "callee"}
    stand.calls.close()


@in_virtual_time
async def test_a_number_that_nobody_has_fails_with_404() -> None:
    stand = Stand(None)
    stand.calls.start(StartCall(1, "out", "pstn", "7495"))
    await stand.dial()
    assert stand.payload("Call.Failed")["code"] == 404


@in_virtual_time
async def test_a_callee_that_cannot_be_opened_fails_and_is_said() -> None:
    stand = Stand(ConfigError("audio.missing", "There is no such file.", file="answer.wav"))
    stand.calls.start(StartCall(1, "out", "pstn", "7495"))
    await stand.dial()
    assert stand.payload("Call.Failed")["code"] == 500
    assert any(level == "error" and "answer.wav" in text for level, text in stand.hub.notes)


@in_virtual_time
async def test_nobody_answers_within_60_s_fails_with_408() -> None:
    leg = ToldLeg()
    stand = Stand(leg)
    stand.calls.start(StartCall(1, "out", "pstn", "7495"))
    await stand.dial()
    await stand.hub.clock.sleep(61)
    assert stand.payload("Call.Failed")["code"] == 408
    assert leg.told[-1] == "hang up"


@in_virtual_time
async def test_a_leg_that_opens_after_the_call_ended_is_released() -> None:
    leg = ToldLeg()
    stand = Stand(leg)
    stand.calls.start(StartCall(1, "out", "pstn", "7495"))
    stand.calls.hang_up(HangUpCall(1))
    await stand.dial()
    assert stand.payload("Call.Failed")["code"] == 487
    assert leg.told == ["hang up"]


@in_virtual_time
async def test_call_attempts_over_the_limit_are_a_breach_since_lua_keeps_to_it() -> None:
    stand = Stand(limits=Limits(call_attempts=1))
    stand.calls.start(StartCall(1, "out-1", "pstn", "7495"))
    with pytest.raises(ProtocolBreach, match="More than 1 calls"):
        stand.calls.start(StartCall(2, "out-2", "pstn", "7495"))
    await stand.dial()


@in_virtual_time
async def test_a_broken_leg_ends_the_call_and_is_said() -> None:
    stand = Stand()
    leg = ToldLeg()
    stand.calls.alert(leg, PARTY)
    stand.calls.answer(AnswerCall(-1))
    assert leg.events is not None
    leg.events.on_broken("mic.gone", "The microphone was unplugged.")
    assert stand.payload("Call.Disconnected")["internalCode"] == 500
    assert any("mic.gone" in text for _level, text in stand.hub.notes)


@in_virtual_time
async def test_a_handle_that_was_never_made_breaks_the_protocol() -> None:
    stand = Stand()
    with pytest.raises(ProtocolBreach):
        stand.calls.answer(AnswerCall(99))
