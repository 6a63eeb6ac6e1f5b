"""Each rule with what it finds, and with what looks like it and is right."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings

from lua_texts import PROGRAMS
from voxruntime.check.findings import Checked
from voxruntime.check.scenario import check_scenario
from voxruntime.scenario.sources import Sources
from voxruntime.turn.messages import SourceFile


def checked(*texts: str, **modules: str) -> Checked:
    entries = [SourceFile(f"s{at or ''}.lua", textwrap.dedent(text)) for at, text in enumerate(texts)]
    files = {
        name.replace("_", "."): SourceFile(name.replace("_", "/") + ".lua", textwrap.dedent(text))
        for name, text in modules.items()
    }
    return check_scenario(Sources(entries, files, {}))


def found(*texts: str, **modules: str) -> list[str]:
    """`rule line:column message` of each finding."""
    return [
        f"{finding.rule} {finding.line}:{finding.column} {finding.message}"
        for finding in checked(*texts, **modules).findings
    ]


ALERTED = "VoxEngine.addEventListener(AppEvents.CallAlerting, function(event) local call = event.call {} end)"
CONNECTED = """
require(Modules.Yandex)
local client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
{}
"""
HEARD = CONNECTED.replace(
    "{}",
    """
client:addEventListener(Yandex.RealtimeAPIEvents.ConversationItemInputAudioTranscriptionCompleted, function(event)
  local said = event.data.payload.transcript
  {}
end)
""",
)


def in_call(code: str) -> list[str]:
    """Rules and messages of findings in a listener of CallAlerting."""
    return [each.partition(" ")[2].partition(" ")[2] for each in found(ALERTED.replace("{}", code))]


def with_client(code: str) -> list[str]:
    return [each.partition(" ")[2].partition(" ")[2] for each in found(CONNECTED.replace("{}", code))]


def with_words(code: str) -> list[str]:
    return [each.partition(" ")[2].partition(" ")[2] for each in found(HEARD.replace("{}", code))]


# Names


@pytest.mark.parametrize(
    ("code", "messages"),
    [
        ("VoxEngine.terminat()", ["VoxEngine has no terminat; the nearest name is terminate"]),
        ("VoxEngine.zzz()", ["VoxEngine has no zzz"]),
        ("call:anwser()", ["a Call has no anwser; the nearest name is answer"]),
        ("call['anwser'](call)", ["a Call has no anwser; the nearest name is answer"]),
        ("print(AppEvents.Strated)", ["AppEvents has no Strated; the nearest name is Started"]),
        (
            "print(event.callerId)",
            ["this event (CallAlertingEvent) has no callerId; the nearest name is callerid"],
        ),
        ("print(event.call:number().x)", ["a string has no x"]),
        ("print(('x'):trim())", ["a string has no trim"]),
        ("print(math.foor(1))", ["math has no foor; the nearest name is floor"]),
        ("os.execute('ls')", ["os has no execute: a scenario starts no programs"]),
        ("pritn(1)", ["nothing defines pritn; the nearest name is print"]),
        ("print(io)", ["there is no global io: a scenario has no files"]),
        ("print(qwertyuiop)", ["nothing defines qwertyuiop"]),
        ("sleep(5):thn(print)", ["Promise has no thn"]),
    ],
)
def test_a_name_that_is_not_there_is_found_with_the_nearest(code: str, messages: list[str]) -> None:
    assert in_call(code) == messages


@pytest.mark.parametrize(
    "code",
    [
        "call:answer() call:hangup() print(call:state(), tostring(call))",
        "local own = {} own.anything = 1 print(own.anything, own.other, own:method())",
        "print(event.headers['X-Any'], event.scheme.anything, event.customData)",
        "event.mine = 1 print(event.mine)",
        "local name = 'x' print(call:id() .. name, #name, name:upper(), name:len())",
        "local function f(x) return x end print(f(call):id())",
        "print(_VERSION, utf8.charpattern, math.pi, string.format('%s', 1))",
        "for _, each in ipairs({ call }) do each:hangup() end",
        "local c = nil c = call c:hangup()",
        "local c if call then c = call end c:answer()",
        "local t = setmetatable({}, { __index = {} }) t.x()",
        "goto done do local a <const> = 1 print(a) end ::done::",
    ],
)
def test_what_is_there_is_not_found(code: str) -> None:
    assert in_call(code) == []


def test_a_global_of_the_scenario_is_defined_by_any_of_its_files() -> None:
    assert found("shared = 1", "print(shared)") == []
    assert found("function greet() end", "greet()") == []
    assert found("print(x)") == ["undefined-global 1:7 nothing defines x"]


def test_a_global_that_is_never_read_is_found_where_it_is_set() -> None:
    assert found("local a = 1\ncount = a") == [
        "unused-global 2:1 count is set and never read; write local, or use it"
    ]


def test_a_module_of_the_platform_must_be_required() -> None:
    assert found("print(Yandex.Events)") == [
        "not-required 1:7 Yandex is not loaded: write require(Modules.Yandex) first"
    ]
    assert found("require(Modules.Yandex)\nprint(Yandex.Events)") == []
    assert found('require("yandex")', "print(Yandex.Events)") == []
    assert found('print(text.lower("A"))') == [
        'not-required 1:7 text is a module: write local text = require("text") first'
    ]


def test_modules_are_followed_and_known_by_what_they_return() -> None:
    menu = """
        local M = {}
        function M.greet(call) call:anwser() end
        return M
    """
    assert found(
        'local menu = require("lib.menu")\n' + ALERTED.replace("{}", "menu.greet(call)"), lib_menu=menu
    ) == ["undefined-field 3:29 a Call has no anwser; the nearest name is answer"]
    numbers = "return { number = function() return '1' end }"
    assert found('print(require("lib.menu").number():trim())', lib_menu=numbers) == [
        "undefined-field 1:36 a string has no trim"
    ]
    assert found('local text = require("text")\ntext.lowr("A")') == [
        "undefined-field 2:6 text has no lowr; the nearest name is lower"
    ]
    assert found('require("menu")') == [
        "module-not-found 1:9 there is no module menu: no file menu.lua beside the scenario, and none of voxrt's"
    ]


# Events


@pytest.mark.parametrize(
    ("code", "messages"),
    [
        (
            "call:addEventListener(CallEvents.Failed, function(e) print(e.internalCode, e.code) end)",
            ["this event (CallFailedEvent) has no internalCode"],
        ),
        (
            "call:addEventListener('Call.Conected', print)",
            ['call has no event "Call.Conected"; the nearest is "Call.Connected"'],
        ),
        (
            "call:addEventListener(AppEvents.Started, print)",
            ["call has no event AppEvents.Started; its events are those of CallEvents"],
        ),
        ("call:addEventListener('Call.Connected', function(e) print(e.call:zzz()) end)", ["a Call has no zzz"]),
        (
            "local function on(e) print(e.reson) end call:addEventListener(CallEvents.Disconnected, on)",
            ["this event (CallDisconnectedEvent) has no reson; the nearest name is reason"],
        ),
        ("local name = CallEvents.Connected call:addEventListener(name, function(e) print(e.x) end)", [
            "this event (CallConnectedEvent) has no x"
        ]),
    ],
)  # fmt: skip
def test_events_and_their_fields_are_known(code: str, messages: list[str]) -> None:
    assert in_call(code) == messages


@pytest.mark.parametrize(
    "code",
    [
        "call:addEventListener(CallEvents.Disconnected, VoxEngine.terminate)",
        "local function on(e) print(e.reason, e.code) end "
        "call:addEventListener(CallEvents.Disconnected, on) call:addEventListener(CallEvents.Failed, on)",
        "for _, name in pairs(CallEvents) do call:addEventListener(name, function(e) print(e.anything) end) end",
        "call:removeEventListener(CallEvents.Failed)",
    ],
)
def test_listeners_that_are_right_are_not_found(code: str) -> None:
    assert in_call(code) == []


def test_fields_of_a_providers_message_are_known() -> None:
    assert with_words("print(event.data.payload.transcipt, event.dta)") == [
        "the message of ConversationItemInputAudioTranscriptionCompleted has no transcipt; "
        "the nearest name is transcript",
        "the event has no dta; the nearest name is data",
    ]
    assert (
        with_words("print(event.data.payload.item_id, event.data.payload.event_id, event.client:id())") == []
    )
    assert (
        with_client(
            "client:addEventListener('Yandex.RealtimeAPI.Unknown', function(e) print(e.data.payload.any) end)"
        )
        == []
    )


# Calls


@pytest.mark.parametrize(
    ("code", "messages"),
    [
        ("call:reject()", ["call:reject(code, extraHeaders?) needs code"]),
        ("call:hangup({}, 2)", ["call:hangup(extraHeaders?) takes 1 argument, 2 given"]),
        ("VoxEngine.terminate(1)", ["VoxEngine.terminate() takes no argument, 1 given"]),
        (
            "VoxEngine.sendMediaBetween(call)",
            ["VoxEngine.sendMediaBetween(unit1, unit2) needs unit2"],
        ),
        ("print(string.rep('x'))", ["string.rep(s, n, separator?) needs n"]),
        ("print(('x'):rep())", ["string.rep(n, separator?) needs n"]),
        ("call.answer()", ["call.answer(…) takes a colon: call:answer(…)"]),
        ("VoxEngine:terminate()", ["VoxEngine:terminate(…) takes a dot: VoxEngine.terminate(…)"]),
        ("call:decline(486)", ["call:decline: The old name of `reject`."]),
        (
            "VoxEngine.callUser({ username = 'u', calerid = '1' })",
            [
                "VoxEngine.callUser needs callerid here",
                "VoxEngine.callUser has no parameter calerid; the nearest name is callerid",
            ],
        ),
        (
            "call:record({ sterio = true })",
            ["call:record has no parameter sterio; the nearest name is stereo"],
        ),
    ],
)
def test_calls_of_the_api_are_compared_with_its_types(code: str, messages: list[str]) -> None:
    assert in_call(code) == messages


@pytest.mark.parametrize(
    "code",
    [
        "call:reject(486) call.hangup(call) call:answer(nil) call:hangup({})",
        "VoxEngine.sendMediaBetween(table.unpack({ call, call }))",
        "local function f(...) VoxEngine.sendMediaBetween(...) end f(call, call)",
        "print(1, 2, 3) print() Promise.resolve() setTimeout(print)",
        "VoxEngine.callSIP('a', 'b', 'c') VoxEngine.callSIP('a', { callerid = '1' })",
        "local options = {} call:record(options) call:record({ [options] = 1 })",
        "local terminate = VoxEngine.terminate terminate()",
        "print(('%d'):format(1), ('x'):rep(2))",
    ],
)
def test_calls_that_are_right_are_not_found(code: str) -> None:
    assert in_call(code) == []


def test_a_promise_that_is_not_awaited_is_named() -> None:
    code = "local c = Yandex.createRealtimeAPIClient({ apiKey = 'k', folderId = 'f' }) c:close()"
    assert with_client(code) == [
        "a Promise has no close; it comes later: write await(…) around what makes it"
    ]


@pytest.mark.parametrize(
    "code",
    [
        "Yandex.createRealtimeAPIClient({ apiKey = 'k', folderId = 'f' }):next(function(c) c:clos() end)",
        "local function connect() return await(Yandex.createRealtimeAPIClient({ apiKey = 'k', folderId = 'f' })) end "
        "local c = connect() c:clos()",
        "local ok, c = pcall(function() return client end) if not ok then print(c.message) end c:clos()",
        "local ok, c = pcall(await, Yandex.createRealtimeAPIClient({ apiKey = 'k', folderId = 'f' })) c:clos()",
        "local state = {} state.c = client state.c:clos()",
        "local state = { c = client } local function f() state.c:clos() end f()",
        "local c = nil or client c:clos()",
        "local function f(c) c:clos() end f(client)",
        "local function g(c) c:clos() end local function f(c) g(c) end f(client)",
        ";(client):clos()",
    ],
)
def test_what_a_value_is_is_known_wherever_it_went(code: str) -> None:
    assert with_client(code) == ["a RealtimeAPIClient has no clos; the nearest name is close"]


def test_older_shapes_of_messages_are_found() -> None:
    assert with_client(
        "client:sessionUpdate({ session = { voice = 'x', turn_detection = {}, modalities = {} } })"
    ) == [
        "voice stands at an older place: write `audio.output.voice`",
        "turn_detection stands at an older place: write `audio.input.turn_detection`",
        "modalities stands at an older place: write `output_modalities`",
    ]
    assert with_client("client:sessionUpdate({ instructions = 'x' })") == [
        "client:sessionUpdate needs session here",
        "client:sessionUpdate has no parameter instructions",
    ]
    assert (
        with_client(
            "client:sessionUpdate({ session = { audio = { output = { voice = 'x' } }, later = 1 } }) "
            "client:responseCreate({ instructions = 'x' }) client:responseCreate({ response = {} })"
        )
        == []
    )


@pytest.mark.parametrize(
    ("code", "messages"),
    [
        (
            "print(said:lower())",
            ['lower works on bytes and leaves Cyrillic letters as they are: write require("text").lower(…)'],
        ),
        (
            "print(string.upper(said or ''))",
            ['upper works on bytes and leaves Cyrillic letters as they are: write require("text").upper(…)'],
        ),
        (
            "local function is_bye(t) return t:sub(1, 3) == 'bye' end print(is_bye(said))",
            ['sub works on bytes and cuts Cyrillic letters apart: write require("text").sub(…)'],
        ),
        ("print((said .. '!'):reverse())", ["reverse works on bytes and cuts Cyrillic letters apart"]),
        ("print(require('text').lower(said), said:find('пока', 1, true), #said)", []),
        ("print(('ABC'):lower())", []),
    ],
)
def test_functions_of_bytes_on_what_people_say_are_found(code: str, messages: list[str]) -> None:
    assert with_words(code) == messages


# What cannot be known


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("local name = 'a' .. 'b' require(name)", "which module is required"),
        ("load('x = 1')()", "what text that is made at run time does"),
        ("print(VoxEngine[tostring(1)])", "which name of VoxEngine is meant"),
        ("local function f(c) c:answer() end", "c:answer(…), as it cannot be told what c is"),
        ("for name in pairs(_G) do print(name) end", "which globals there are, as _G is used as a whole"),
        ("f(" * 130 + ")" * 130, "it is nested too deeply to be followed"),
        ("x = ", "anything else in this file, which is not Lua yet"),
    ],
)
def test_what_cannot_be_known_is_said(code: str, reason: str) -> None:
    assert reason in {unknown.reason for unknown in checked(code).unknowns}


def test_a_method_of_an_unknown_value_is_found_only_if_it_is_nearly_one_of_the_api() -> None:
    assert found("local function f(c) c:sesionUpdate({}) end") == [
        "undefined-field 1:23 nothing has a method sesionUpdate; the nearest name is sessionUpdate"
    ]
    assert found("local function f(c) c:explode() c:upper() end") == []
    assert found("local M = {} function M:anwser() end local function f(c) c:anwser() end") == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("pritn(1) ---@diagnostic disable-line\npritn(2)", [2]),
        ("---@diagnostic disable-next-line: undefined-global, colon\npritn(1)\npritn(2)", [3]),
        ("---@diagnostic disable-next-line: colon\npritn(1)", [2]),
    ],
)
def test_a_remark_switches_rules_off_for_its_line(text: str, lines: list[int]) -> None:
    assert [finding.line for finding in checked(text).findings] == lines


def test_columns_are_characters_also_after_cyrillic_and_tabs() -> None:
    (finding,) = checked("local x = 'Привет'\tpritn(x)").findings
    assert (finding.column, finding.end_column) == (20, 25)


def test_a_file_that_is_no_lua_does_not_hide_what_is_wrong_in_others() -> None:
    assert [each.split(" ")[0] for each in found("x = \n", "VoxEngine.zzz()")] == [
        "syntax-error",
        "undefined-field",
    ]


@settings(max_examples=150, deadline=None)
@given(PROGRAMS)
def test_any_program_can_be_checked(text: str) -> None:
    for finding in checked(text).findings:
        line = text.split("\n")[finding.line - 1]
        assert 1 <= finding.column < finding.end_column <= len(line) + 2
