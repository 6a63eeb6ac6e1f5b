"""A bad argument names the function, the position, what was expected and what came."""

from __future__ import annotations

import pytest

from scenario_stage import Stage

IN_A_CALL = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  local call = event.call
  local client = await(Yandex.createRealtimeAPIClient({{ apiKey = "k", folderId = "f" }}))
  local _, err = pcall(function() {code} end)
  print(err.code, err["function"], err.position, err.expected, err.got, err.retryable)
  print(err.message)
end)
"""

CASES = [
    ("VoxEngine.addEventListener(nil, print)", "VoxEngine.addEventListener", "1", "a string", "nil"),
    ("VoxEngine.callPSTN()", "VoxEngine.callPSTN", "1", "a string", "nil"),
    ("VoxEngine.callPSTN('1', 2)", "VoxEngine.callPSTN", "2", "a string", "the number 2"),
    ("VoxEngine.callPSTN('1', '2', 3)", "VoxEngine.callPSTN", "3", "a table", "the number 3"),
    ("VoxEngine.callSIP()", "VoxEngine.callSIP", "1", "a string", "nil"),
    ("VoxEngine.callSIP('sip:a@b', true)", "VoxEngine.callSIP", "2", "a table", "the boolean true"),
    (
        "VoxEngine.callSIP('sip:a@b', { headers = { 1 } })",
        "VoxEngine.callSIP",
        "2.headers",
        "a table of header names and texts",
        "a table",
    ),
    ("VoxEngine.callUser({ callerid = 'x' })", "VoxEngine.callUser", "1.username", "a string", "nil"),
    ("VoxEngine.customData(5)", "VoxEngine.customData", "1", "a string", "the number 5"),
    ("VoxEngine.getSecretValue()", "VoxEngine.getSecretValue", "1", "a string", "nil"),
    (
        "VoxEngine.sendMediaBetween(call, VoxEngine)",
        "VoxEngine.sendMediaBetween",
        "2",
        "a media unit (a call or a realtime client)",
        "a table",
    ),
    ("call:sendMediaTo(nil)", "call:sendMediaTo", "1", "a media unit (a call or a realtime client)", "nil"),
    (
        "client:sendMediaTo(Promise.resolve())",
        "client:sendMediaTo",
        "1",
        "a media unit (a call or a realtime client)",
        "a Promise",
    ),
    ("call:reject(200)", "call:reject", "1", "a SIP status from 300 to 699", "the number 200"),
    ("call:reject('486')", "call:reject", "1", "a SIP status from 300 to 699", 'the string "486"'),
    ("call:answer('X')", "call:answer", "1", "a table", 'the string "X"'),
    ("call:record({ stereo = 'yes' })", "call:record", "1.stereo", "true or false", 'the string "yes"'),
    ("setTimeout()", "setTimeout", "1", "a function", "nil"),
    ("setInterval(print, '5')", "setInterval", "2", "a number of milliseconds", 'the string "5"'),
    ("sleep()", "sleep", "1", "a number of milliseconds", "nil"),
    ("Promise.new()", "Promise.new", "1", "a function", "nil"),
    ("Promise.all(Promise.resolve(), 2)", "Promise.all", "1", "a table of promises", "a Promise"),
    ("Promise.resolve():next('x')", "promise:next", "1", "a function", 'the string "x"'),
    ("Promise.resolve():catch()", "promise:catch", "1", "a function", "nil"),
    ("base64_encode(5)", "base64_encode", "1", "a string", "the number 5"),
    ("base64_decode('%%')", "base64_decode", "1", "base64 text", 'the string "%%"'),
    ("Yandex.createRealtimeAPIClient()", "Yandex.createRealtimeAPIClient", "1", "a table", "nil"),
    ("Yandex.createRealtimeAPIClient({})", "Yandex.createRealtimeAPIClient", "1.apiKey", "a string", "nil"),
    (
        "Yandex.createRealtimeAPIClient({ apiKey = 'k', folderId = 'f', onWebSocketClose = 5 })",
        "Yandex.createRealtimeAPIClient",
        "1.onWebSocketClose",
        "a function",
        "the number 5",
    ),
    ("client:sessionUpdate()", "client:sessionUpdate", "1", "a table", "nil"),
    (
        "client:conversationItemTruncate({})",
        "client:conversationItemTruncate",
        "1.item_id",
        "a string",
        "nil",
    ),
]


@pytest.mark.parametrize(("code", "function", "position", "expected", "got"), CASES)
def test_a_bad_argument_is_named(
    stage: Stage, code: str, function: str, position: str, expected: str, got: str
) -> None:
    stage.run(IN_A_CALL.format(code=code))
    stage.open(stage.alert())
    fields, message = stage.said()
    assert fields.split("\t") == ["argument.invalid", function, position, expected, got, "false"]
    assert message.startswith(f"{function}: argument {position} must be {expected}, got {got}")


def test_a_long_string_is_shortened_in_messages(stage: Stage) -> None:
    stage.run("print(#select(2, pcall(Promise.all, string.rep('x', 5000))).message < 120)")
    assert stage.said() == ["true"]


def test_an_uncaught_bad_argument_ends_the_session_at_its_line(stage: Stage) -> None:
    fault = stage.load("\nlocal function wrong()\n  setTimeout()\nend\nwrong()").fault
    assert fault is not None
    assert (fault.code, fault.file, fault.line) == ("argument.invalid", "main.lua", 3)
    assert "main.lua:5" in fault.traceback


@pytest.mark.parametrize(
    ("code", "warning"),
    [
        (
            "VoxEngine.callUser({ username = 'u', callerid = 'c', displayname = 'D' })",
            'VoxEngine.callUser has no option "displayname" and ignores it; the nearest is "displayName"',
        ),
        (
            "Yandex.createRealtimeAPIClient({ apiKey = 'k', folderId = 'f', Model = 'm' })",
            'Yandex.createRealtimeAPIClient has no option "Model" and ignores it; the nearest is "model"',
        ),
    ],
)
def test_a_misspelt_option_is_warned_of(stage: Stage, code: str, warning: str) -> None:
    stage.run("require(Modules.Yandex)\n" + code)
    assert stage.warnings() == [warning]
