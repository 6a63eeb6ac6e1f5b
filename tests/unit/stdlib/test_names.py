"""Unknown names raise with the nearest one, a wrong dot or colon with the right spelling."""

from __future__ import annotations

import pytest

from scenario_stage import Stage

IN_A_CALL = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  local client = await(Yandex.createRealtimeAPIClient({{ apiKey = "k", folderId = "f" }}))
  local promise = Promise.resolve()
  local ok, err = pcall(function() {code} end)
  print(ok, err.code, err.message, err.nearest)
end)
"""


def complaint(stage: Stage, code: str) -> list[str]:
    stage.run(IN_A_CALL.format(code=code))
    reply = stage.alert()
    stage.open(reply)
    (said,) = stage.said()
    ok, *rest = said.split("\t")
    assert ok == "false"
    return rest


@pytest.mark.parametrize(
    ("code", "message", "nearest"),
    [
        ("VoxEngine.terminat()", 'VoxEngine has no "terminat"; the nearest name is "terminate"', "terminate"),
        ("VoxEngine.callPstn()", 'VoxEngine has no "callPstn"; the nearest name is "callPSTN"', "callPSTN"),
        ("VoxEngine.anwser()", 'VoxEngine has no "anwser"; the nearest name is "call:answer"', "call:answer"),
        ("call:hangUp()", 'a Call has no "hangUp"; the nearest name is "hangup"', "hangup"),
        ("call:anwser()", 'a Call has no "anwser"; the nearest name is "answer"', "answer"),
        ("return call.anwser", 'a Call has no "anwser"; the nearest name is "answer"', "answer"),
        (
            "return CallEvents.Conected",
            'CallEvents has no "Conected"; the nearest name is "Connected"',
            "Connected",
        ),
        ("return AppEvents.Start", 'AppEvents has no "Start"; the nearest name is "Started"', "Started"),
        ("return Yandex.Event", 'Yandex has no "Event"; the nearest name is "Events"', "Events"),
        (
            "return Yandex.RealtimeAPIEvents.X",
            'Yandex.RealtimeAPIEvents has no "X"; the nearest name is "Error"',
            "Error",
        ),
        (
            "return Yandex.RealtimeAPIEvents.SessionCreate",
            'Yandex.RealtimeAPIEvents has no "SessionCreate"; the nearest name is "SessionCreated"',
            "SessionCreated",
        ),
        (
            "client:createResponse()",
            'a Yandex.RealtimeAPIClient has no "createResponse"; the nearest name is "responseCreate"',
            "responseCreate",
        ),
        ("promise:nxt()", 'a Promise has no "nxt"; the nearest name is "next"', "next"),
        ("JSON.stringfy({})", 'JSON has no "stringfy"; the nearest name is "stringify"', "stringify"),
        ("Logger.log('x')", 'Logger has no "log"; the nearest name is "write"', "write"),
        ("VoxEngine.onStarted = print", 'VoxEngine has no "onStarted"', ""),
        ("return Modules.Yandx", 'Modules has no "Yandx"; the nearest name is "Yandex"', "Yandex"),
        (
            "return setTimeOut(print, 1)",
            'there is no global "setTimeOut"; the nearest name is "setTimeout"',
            "setTimeout",
        ),
        ("return AppEvent", 'there is no global "AppEvent"; the nearest name is "AppEvents"', "AppEvents"),
        ("return Await(1)", 'there is no global "Await"; the nearest name is "await"', "await"),
        (
            'call:addEventListener("Call.Conected", print)',
            'call:addEventListener: there is no event "Call.Conected" here;'
            ' the nearest is CallEvents.Connected ("Call.Connected")',
            "Call.Connected",
        ),
        (
            "client:removeEventListener(CallEvents.Connected)",
            'client:removeEventListener: there is no event "Call.Connected" here',
            "",
        ),
    ],
)
def test_an_unknown_name_raises_with_the_nearest(stage: Stage, code: str, message: str, nearest: str) -> None:
    complained = complaint(stage, code)
    assert complained[0] == "name.unknown"
    assert complained[1].startswith(message)
    if nearest:
        assert complained[2] == nearest


@pytest.mark.parametrize(
    ("code", "spelling"),
    [
        ("call.answer()", "call.answer(…) takes a colon: call:answer(…)"),
        ("call.hangup({})", "call.hangup(…) takes a colon: call:hangup(…)"),
        ("call.state(client)", "call.state(…) takes a colon: call:state(…)"),
        ("client.responseCreate({})", "client.responseCreate(…) takes a colon: client:responseCreate(…)"),
        ("promise.next(print)", "promise.next(…) takes a colon: promise:next(…)"),
        ("VoxEngine:terminate()", "VoxEngine:terminate(…) takes a dot: VoxEngine.terminate(…)"),
        ("Logger:write('x')", "Logger:write(…) takes a dot: Logger.write(…)"),
        ("console:log('x')", "console:log(…) takes a dot: console.log(…)"),
        ("JSON:encode({})", "JSON:encode(…) takes a dot: JSON.encode(…)"),
        ("Promise:all({})", "Promise:all(…) takes a dot: Promise.all(…)"),
        (
            "Yandex:createRealtimeAPIClient({})",
            "Yandex:createRealtimeAPIClient(…) takes a dot: Yandex.createRealtimeAPIClient(…)",
        ),
    ],
)
def test_a_wrong_dot_or_colon_raises_the_right_spelling(stage: Stage, code: str, spelling: str) -> None:
    assert complaint(stage, code)[:2] == ["name.colon", spelling]


def test_yandex_before_its_require_says_what_to_write(stage: Stage) -> None:
    stage.run("print(select(2, pcall(function() return Yandex.Events end)).message)")
    assert stage.said() == ["Yandex is not loaded: write require(Modules.Yandex) first"]


@pytest.mark.parametrize("name", ["counter", "state", "Dates", "sleeper", "errors", "Text", "x", "CALLERS"])
def test_other_unknown_globals_are_nil_as_in_lua(stage: Stage, name: str) -> None:
    stage.run(f"{name} = {name} or 'own' print({name})")
    assert stage.said() == ["own"]


def test_scenarios_may_keep_own_fields_on_objects(stage: Stage) -> None:
    stage.run("""
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call.started = 5
  print(event.call.started, event.call:id())
  for key, value in pairs(event.call) do print(key, value) end
end)
""")
    stage.alert()
    assert stage.said() == ["5\tcall-in", "started\t5"]


def test_objects_hide_their_metatable_and_print_their_id(stage: Stage) -> None:
    stage.run("""
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
  print(event.call, getmetatable(event.call), event.call:toString(), Promise.resolve(), getmetatable(VoxEngine))
  print(tostring(client) == "Yandex.RealtimeAPIClient " .. client:id(), client:id() ~= client:webSocketId())
end)
""")
    stage.open(stage.alert())
    first, second = stage.said()
    assert first.startswith("Call call-in\tfalse\tCall call-in\tPromise ")
    assert second == "true\ttrue"


def test_objects_are_sorted_as_keys_in_the_order_they_were_made(stage: Stage) -> None:
    reply = stage.run("""
local names = {}
for i = 1, 20 do names[i % 2 == 0 and Promise.resolve() or VoxEngine.callPSTN(tostring(i), "me")] = i end
local seen = {}
for _, i in pairs(names) do seen[#seen + 1] = i end
print(table.concat(seen, " "))
""")
    assert stage.said() == [" ".join(str(i) for i in range(1, 21))]
    assert reply.exact
