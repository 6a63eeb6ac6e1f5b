"""Calls: mirrors, commands, state errors, events."""

from __future__ import annotations

import json

import pytest

from scenario_stage import INCOMING, Stage, command, commands, handle_of_call, healthy
from voxruntime.config import Limits
from voxruntime.turn.messages import (
    AnswerCall,
    HangUpCall,
    Listen,
    RecordCall,
    RejectCall,
    SendMedia,
    SetCustomData,
    StartCall,
    StopMedia,
)

KEEP = "VoxEngine.addEventListener(AppEvents.CallAlerting, function(event) call = event.call end)\n"


def handler(code: str) -> str:
    return f"VoxEngine.addEventListener(AppEvents.CallAlerting, function(event) local call = event.call {code} end)"


def later(code: str, timers: int = 3) -> str:
    """Keeps the call, and runs `code` with each of the first timers."""
    return KEEP + f"for _ = 1, {timers} do setTimeout(function() {code} end, 0) end"


def test_getters_of_an_incoming_call(stage: Stage) -> None:
    stage.run(
        handler(
            "print(call:id(), call:state(), call:callerid(), call:displayName(), call:number(), call:incoming(),"
            " call:clientType(), call:customData())"
        )
    )
    stage.alert(customData="from the rule")
    assert stage.said() == ["call-in\tALERTING\t+70001\tAnn\t100\ttrue\tpstn\tfrom the rule"]


def test_alerting_event_has_the_documented_fields(stage: Stage) -> None:
    stage.run("VoxEngine.addEventListener(AppEvents.CallAlerting, function(event) print(event) end)")
    stage.alert()
    assert stage.said() == [
        '{"call":{"id":"call-in"},"callerid":"+70001","destination":"100","displayName":"Ann","fromURI":"sip:+70001@there",'
        '"headers":{"X-Word":"one"},"name":"Application.CallAlerting","scheme":{},"toURI":"sip:100@here"}'
    ]


def test_the_state_follows_state_changed_alone(stage: Stage) -> None:
    stage.run(later("print(call:state())"))
    stage.alert()
    stage.turn("Call.Connected", {"headers": {}}, target=INCOMING)
    stage.fire(1)
    stage.state("ALERTING", "CONNECTED")
    stage.fire(2)
    stage.state("CONNECTED", "TERMINATED")
    stage.fire(3)
    assert stage.said() == ["ALERTING", "CONNECTED", "TERMINATED"]


def test_answer_sends_headers(stage: Stage) -> None:
    stage.run(handler('call:answer({ ["X-One"] = "1", ["X-Two"] = 2 }, {})'))
    assert stage.alert().commands == [AnswerCall(INCOMING, {"X-One": "1", "X-Two": "2"})]


@pytest.mark.parametrize("name", ["reject", "decline"])
def test_reject_sends_status_and_headers(stage: Stage, name: str) -> None:
    stage.run(handler(f'call:{name}(486, {{ ["X-Why"] = "lunch" }})'))
    assert stage.alert().commands == [RejectCall(INCOMING, 486, {"X-Why": "lunch"})]


def test_hangup_is_sent_once(stage: Stage) -> None:
    stage.run(handler('call:hangup({ ["X-Bye"] = "now" }) call:hangup()'))
    assert stage.alert().commands == [HangUpCall(INCOMING, {"X-Bye": "now"})]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("call:answer() call:answer()", "call:answer: the call was answered already, at main.lua:1"),
        ("call:answer() call:reject(486)", "call:reject: the call was answered already, at main.lua:1"),
        (
            "VoxEngine.callPSTN('1', '2'):answer()",
            "call:answer: the call is outgoing; only an incoming call can be answered or rejected",
        ),
        (
            "call:sendMediaTo(call)",
            "call:sendMediaTo: the call is not connected yet; answer it, or wait for CallEvents.Connected",
        ),
        (
            "VoxEngine.sendMediaBetween(VoxEngine.callPSTN('1', '2'), call)",
            "VoxEngine.sendMediaBetween: the call is not connected yet; answer it, or wait for CallEvents.Connected",
        ),
        (
            "call:answer() call:sendMediaTo(VoxEngine.callPSTN('1', '2'))",
            "call:sendMediaTo: the call is not connected yet; answer it, or wait for CallEvents.Connected",
        ),
        (
            "call:record()",
            "call:record: the call is not connected yet; answer it, or wait for CallEvents.Connected",
        ),
    ],
)
def test_what_the_state_forbids_raises(stage: Stage, code: str, message: str) -> None:
    stage.run(handler(f"local _, err = pcall(function() {code} end) print(err.code, err.message)"))
    stage.alert()
    assert stage.said() == [f"call.state\t{message}"]


def test_answering_after_connected_names_the_state(stage: Stage) -> None:
    stage.run(later("print(select(2, pcall(call.answer, call)).message)"))
    stage.alert()
    stage.connect()
    stage.fire(1)
    assert stage.said() == ["call:answer: the call is CONNECTED, not ALERTING"]


@pytest.mark.parametrize(
    "method",
    ["answer()", "reject(486)", "hangup()", "record()", "sendMediaTo(call)", "stopMediaTo(call)"],
)
def test_commands_to_an_ended_call_are_harmless(stage: Stage, method: str) -> None:
    stage.run(later(f"call:{method}"))
    stage.alert()
    stage.end(old="ALERTING")
    assert stage.fire(1).commands == []
    name = method.split("(", maxsplit=1)[0]
    expected = [] if name in {"hangup", "stopMediaTo"} else [f"call:{name} does nothing: the call has ended"]
    assert stage.warnings() == expected


def test_media_may_be_asked_for_as_soon_as_the_call_is_answered(stage: Stage) -> None:
    stage.run(handler("call:answer() call:sendMediaTo(call, { tag = 'echo' }) call:stopMediaTo(call)"))
    reply = stage.alert()
    assert reply.commands[1:] == [SendMedia(INCOMING, INCOMING, "echo"), StopMedia(INCOMING, INCOMING)]


def test_media_between_two_calls_goes_both_ways(stage: Stage) -> None:
    stage.run(
        handler(
            """
call:answer()
local other = VoxEngine.callUser({ username = "u", callerid = "c" })
other:addEventListener(CallEvents.Connected, function()
  VoxEngine.sendMediaBetween(call, other)
  VoxEngine.stopMediaBetween(call, other)
end)
"""
        )
    )
    other = handle_of_call(stage.alert())
    reply = stage.connect(call=other, old="PROGRESSING")
    assert reply.commands == [
        SendMedia(INCOMING, other, ""),
        SendMedia(other, INCOMING, ""),
        StopMedia(INCOMING, other),
        StopMedia(other, INCOMING),
    ]


def test_record_gives_the_file_a_name_of_its_own(stage: Stage) -> None:
    stage.run(handler("call:answer() call:record({ stereo = true, hd_audio = true })"))
    recorded = command(stage.alert(), RecordCall)
    assert (recorded.call, recorded.stereo, recorded.hd_audio) == (INCOMING, True, True)
    assert len(recorded.name) == 36


def test_a_call_is_recorded_once(stage: Stage) -> None:
    stage.run(handler("call:answer() call:record() call:record()"))
    assert len(commands(stage.alert(), RecordCall)) == 1
    assert stage.warnings() == ["call:record does nothing: the call is recorded already"]


def test_one_recording_too_many_raises_until_one_has_stopped(stage: Stage) -> None:
    stage.run(
        handler(
            """
call:answer()
call:record()
local other = VoxEngine.callPSTN("1", "2")
other:addEventListener(CallEvents.Connected, function()
  print(select(2, pcall(other.record, other)).code)
end)
setTimeout(function() other:record() end, 0)
"""
        ),
        limits=Limits(recorders=1),
    )
    reply = stage.alert()
    other = handle_of_call(reply)
    stage.connect(call=other, old="PROGRESSING")
    assert stage.said() == ["limit.recorders"]
    stage.turn("Call.RecordStopped", {"url": "u", "cost": "0", "duration": 1}, target=INCOMING)
    assert len(commands(stage.turn("timer", target=2), RecordCall)) == 1


def test_custom_data_is_kept_per_call(stage: Stage) -> None:
    stage.run(
        handler(
            'print(call:customData(), call:customData("mine"), call:customData(), VoxEngine.customData())'
        )
    )
    assert stage.alert().commands == [SetCustomData(INCOMING, "mine")]
    assert stage.said() == ["\tmine\tmine\t"]


def test_custom_data_past_its_limit_raises(stage: Stage) -> None:
    stage.run(handler("print(select(2, pcall(call.customData, call, string.rep('ы', 101))).message)"))
    assert stage.alert().commands == []
    assert stage.said() == ["call:customData: 202 bytes are more than the limit of 200"]


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("Ringing", '{"headers":{"X-A":"b"}}'),
        ("Connected", '{"headers":{},"scheme":{}}'),
        (
            "Disconnected",
            '{"cost":"0","direction":"incoming","duration":3,"headers":{},"internalCode":200,"reason":"OK"}',
        ),
        ("Failed", '{"code":486,"headers":{},"reason":"Busy Here"}'),
        ("StateChanged", '{"newState":"CONNECTED","oldState":"ALERTING"}'),
        ("RecordStarted", '{"url":"file:///r.wav"}'),
        ("RecordStopped", '{"cost":"0","duration":3,"url":"file:///r.wav"}'),
    ],
)
def test_events_carry_call_name_and_id_beside_their_own_fields(
    stage: Stage, event: str, payload: str
) -> None:
    stage.run(
        handler(
            f"""
call:addEventListener(CallEvents.{event}, function(event)
  print(event.call == call, event.name, event.id)
  event.call, event.name, event.id = nil, nil, nil
  print(event)
end)
"""
        )
    )
    stage.alert()
    stage.turn(f"Call.{event}", json.loads(payload), target=INCOMING)
    assert stage.said() == [f"true\tCall.{event}\tcall-in", payload]


def test_listen_tells_the_engine_the_places_of_all_handlers(stage: Stage) -> None:
    stage.run(
        handler(
            """
local function twice() end
call:addEventListener("Call.Ringing", twice)
call:addEventListener(CallEvents.Ringing, twice)
call:addEventListener(CallEvents.Failed, print)
call:removeEventListener(CallEvents.Ringing, print)
call:removeEventListener(CallEvents.Ringing, twice)
call:removeEventListener(CallEvents.Failed)
call:removeEventListener(CallEvents.Failed)
"""
        )
    )
    assert stage.alert().commands == [
        Listen(INCOMING, "Call.Ringing", ["main.lua:3"]),
        Listen(INCOMING, "Call.Ringing", ["main.lua:3", "main.lua:4"]),
        Listen(INCOMING, "Call.Failed", ["main.lua:5"]),
        Listen(INCOMING, "Call.Ringing", []),
        Listen(INCOMING, "Call.Failed", []),
    ]


def test_an_outgoing_call_starts_progressing_and_listens_by_itself(stage: Stage) -> None:
    reply = stage.run("""
local call = VoxEngine.callPSTN("+7999", "+7000", { amd = {} })
print(call:state(), call:incoming(), call:number(), call:callerid(), call:displayName(), call:clientType())
call:addEventListener(CallEvents.Failed, function(event) print(event.code, event.call:state()) end)
""")
    started = command(reply, StartCall)
    assert (started.kind, started.to, started.callerid, started.timeout_s) == ("pstn", "+7999", "+7000", 60.0)
    stage.state("PROGRESSING", "TERMINATED", call=started.call)
    stage.turn("Call.Failed", {"headers": {}, "code": 486, "reason": "Busy Here"}, target=started.call)
    assert stage.said() == ["PROGRESSING\tfalse\t+7999\t+7000\t\tpstn", "486\tTERMINATED"]


@pytest.mark.parametrize(
    "code",
    [
        'VoxEngine.callSIP("sip:a@b", { callerid = "c", displayName = "D", headers = { ["X-A"] = "1" }, authUser = "u" })',
        'VoxEngine.callSIP("sip:a@b", "c", "D", "password", "u", { ["X-A"] = "1" }, false, "proxy")',
    ],
)
def test_call_sip_takes_its_object_and_its_positional_form(stage: Stage, code: str) -> None:
    started = command(stage.run(code), StartCall)
    assert (started.kind, started.to, started.callerid, started.display_name) == ("sip", "sip:a@b", "c", "D")
    assert started.headers == {"X-A": "1"}


def test_call_sip_needs_no_parameters(stage: Stage) -> None:
    started = command(stage.run('VoxEngine.callSIP("sip:a@b")'), StartCall)
    assert (started.callerid, started.display_name, started.headers) == ("", "", {})


@pytest.mark.parametrize(
    ("timeout", "seconds"), [("nil", 60), ("'5'", 10), ("90", 90), ("'900'", 400), ("'soon'", 60)]
)
def test_call_user_takes_its_timeout_from_the_header(stage: Stage, timeout: str, seconds: float) -> None:
    started = command(
        stage.run(
            'VoxEngine.callUser({ username = "u", callerid = "c", displayName = "D",'
            f' extraHeaders = {{ ["VI-CallTimeout"] = {timeout} }} }})'
        ),
        StartCall,
    )
    assert (started.kind, started.to, started.timeout_s) == ("user", "u", seconds)


def test_one_call_too_many_raises(stage: Stage) -> None:
    reply = stage.run(
        "for i = 1, 3 do print(pcall(VoxEngine.callPSTN, '1', '2') or 'no more') end",
        limits=Limits(call_attempts=2),
    )
    assert len(commands(reply, StartCall)) == 2
    assert stage.said() == ["true", "true", "no more"]


def test_every_call_has_its_own_id_from_the_seeded_stream(stage: Stage) -> None:
    reply = healthy(stage.load("for _ = 1, 20 do VoxEngine.callPSTN('1', '2') end", seed_ids=7))
    assert len({started.id for started in commands(reply, StartCall)}) == 20
