"""Each method of the Yandex client: what it sends, what it refuses and in which words, what it does when it is late."""

from __future__ import annotations

import re
import wave
from pathlib import Path

import numpy as np
import pytest

from conformance.realtime.scripted_server import Close, Hear, Script, serving
from conformance.realtime.sequences import CREATED, Answer, level
from scenario_stage import Stage, commands, driver, handle_of_client, stage
from voxrt_command import RunVoxrt
from voxruntime.turn.messages import CloseRealtime, SendRealtime

__all__ = ["driver", "stage"]

CONNECT = """require(Modules.Yandex)
client = await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }))
"""

SENDS = {
    "sessionUpdate": "session.update",
    "conversationItemCreate": "conversation.item.create",
    "conversationItemRetrieve": "conversation.item.retrieve",
    "conversationItemTruncate": "conversation.item.truncate",
    "conversationItemDelete": "conversation.item.delete",
    "responseCreate": "response.create",
    "responseCancel": "response.cancel",
}
OTHERS = (
    "id",
    "webSocketId",
    "close",
    "sendMediaTo",
    "stopMediaTo",
    "clearMediaBuffer",
    "addEventListener",
    "removeEventListener",
)
"""The methods of the platform's reference that send nothing."""

WRONG = [
    *[(f"{method}(5)", method, "1", "a table", "the number 5") for method in SENDS],
    *[(f'{method}("x")', method, "1", "a table", 'the string "x"') for method in SENDS],
    *[
        (f"{method}()", method, "1", "a table", "nil")
        for method in SENDS
        if method not in ("responseCreate", "responseCancel")
    ],
    ("conversationItemTruncate({})", "conversationItemTruncate", "1.item_id", "a string", "nil"),
    (
        "conversationItemTruncate({item_id = 7})",
        "conversationItemTruncate",
        "1.item_id",
        "a string",
        "the number 7",
    ),
    (
        'conversationItemTruncate({item_id = "i", content_index = 0.5})',
        "conversationItemTruncate",
        "1.content_index",
        "an integer",
        "the number 0.5",
    ),
    (
        'conversationItemTruncate({item_id = "i", event_id = {}})',
        "conversationItemTruncate",
        "1.event_id",
        "a string",
        "a table",
    ),
    (
        'sessionUpdate({session = {audio = {input = {format = {type = "audio/pcmu"}}}}})',
        "sessionUpdate",
        "1.session.audio.input.format.type",
        '"audio/pcm"',
        'the string "audio/pcmu"',
    ),
    (
        "sessionUpdate({session = {audio = {output = {format = {rate = 11025}}}}})",
        "sessionUpdate",
        "1.session.audio.output.format.rate",
        "8000, 16000, 24000, 44100 or 48000",
        "the number 11025",
    ),
    ("sendMediaTo()", "sendMediaTo", "1", "a media unit", "nil"),
    ("sendMediaTo({})", "sendMediaTo", "1", "a media unit", "a table"),
    ("sendMediaTo(client, 5)", "sendMediaTo", "2", "a table", "the number 5"),
    ("sendMediaTo(client, {tag = 5})", "sendMediaTo", "2.tag", "a string", "the number 5"),
    ("stopMediaTo(VoxEngine)", "stopMediaTo", "1", "a media unit", "a table"),
    ("clearMediaBuffer(5)", "clearMediaBuffer", "1", "a table", "the number 5"),
    ("clearMediaBuffer({tag = 5})", "clearMediaBuffer", "1.tag", "a string", "the number 5"),
    ("addEventListener()", "addEventListener", "1", "a string", "nil"),
    ("removeEventListener(true)", "removeEventListener", "1", "a string", "the boolean true"),
]


def test_the_table_names_every_method_of_the_reference(stage: Stage) -> None:
    probed = " ".join(f'"{name}",' for name in [*SENDS, *OTHERS])
    reply = stage.run(
        CONNECT + f"for _, name in ipairs({{ {probed} }}) do print(name, type(client[name])) end"
    )
    stage.open(reply)
    assert stage.said() == [f"{name}\tfunction" for name in [*SENDS, *OTHERS]]
    assert len([*SENDS, *OTHERS]) == 15
    checked = {method for _call, method, *_ in WRONG}
    assert {*SENDS, *OTHERS} - checked == {"id", "webSocketId", "close"}  # they take nothing


@pytest.mark.parametrize(
    ("call", "method", "position", "expected", "got"), WRONG, ids=[case[0] for case in WRONG]
)
def test_a_wrong_argument_is_named_with_its_place(
    stage: Stage, call: str, method: str, position: str, expected: str, got: str
) -> None:
    stage.run(
        CONNECT
        + f"""local ok, err = pcall(function()
  client:{call}
end)
print(ok, err.code, err["function"], err.position, err.expected, err.got)
print(tostring(err))
client:{call}
"""
    )
    after = stage.failing_turn("promise.resolve", target=2)
    fields, message = stage.said()
    ok, code, function, where, wanted, came = fields.split("\t")
    assert (ok, code, function, where, came) == (
        "false",
        "argument.invalid",
        f"client:{method}",
        position,
        got,
    )
    assert wanted.startswith(expected)
    assert re.fullmatch(
        rf"main\.lua:4: client:{method}: argument {re.escape(position)} must be {re.escape(wanted)}, got .*",
        message,
    )
    # Where nothing catches it, the session ends there.
    assert after.fault is not None
    assert (after.fault.code, after.fault.file, after.fault.line) == ("argument.invalid", "main.lua", 8)
    assert commands(after, SendRealtime) == []


@pytest.mark.parametrize("method", [*SENDS, *OTHERS])
def test_a_dot_in_place_of_the_colon_is_named(stage: Stage, method: str) -> None:
    reply = stage.run(CONNECT + f"print(select(2, pcall(function() client.{method}({{}}) end)).message)")
    stage.open(reply)
    assert stage.said() == [f"client.{method}(…) takes a colon: client:{method}(…)"]


CREATE = "Yandex.createRealtimeAPIClient"


@pytest.mark.parametrize(
    ("parameters", "position", "expected", "got"),
    [
        ("", "1", "a table", "nil"),
        ("{}", "1.apiKey", "a string", "nil"),
        ('{ apiKey = "k" }', "1.folderId", "a string", "nil"),
        ('{ apiKey = "k", folderId = "f", model = 5 }', "1.model", "a string", "the number 5"),
        (
            '{ apiKey = "k", folderId = "f", privacy = "yes" }',
            "1.privacy",
            "true or false",
            'the string "yes"',
        ),
        ('{ apiKey = "k", folderId = "f", trace = 1 }', "1.trace", "true or false", "the number 1"),
        ('{ apiKey = "k", folderId = "f", statistics = {} }', "1.statistics", "true or false", "a table"),
        (
            '{ apiKey = "k", folderId = "f", onWebSocketClose = "f" }',
            "1.onWebSocketClose",
            "a function",
            'the string "f"',
        ),
    ],
)
def test_a_client_is_not_created_from_wrong_parameters(
    stage: Stage, parameters: str, position: str, expected: str, got: str
) -> None:
    reply = stage.load(f"require(Modules.Yandex)\n\n{CREATE}({parameters})")
    assert reply.fault is not None
    assert (reply.fault.file, reply.fault.line) == ("main.lua", 3)
    assert reply.fault.message == f"{CREATE}: argument {position} must be {expected}, got {got}"


def test_parameters_of_other_providers_are_ignored_with_a_warning(stage: Stage) -> None:
    stage.run(f"""require(Modules.Yandex)
{CREATE}({{ apiKey = "k", folderId = "f", baseUrl = "wss://x", onWebSocketError = print }})
""")
    assert [text.split(" and")[0] for text in stage.warnings()] == [
        f'{CREATE} has no option "baseUrl"',
        f'{CREATE} has no option "onWebSocketError"',
    ]


def test_an_unknown_event_and_an_unknown_method_name_the_nearest(stage: Stage) -> None:
    reply = stage.run(
        CONNECT
        + """
print(select(2, pcall(function() client:addEventListener("Yandex.RealtimeAPI.ResponseDne", print) end)).message)
print(select(2, pcall(function() client:removeEventListener("x", print) end)).code)
print(select(2, pcall(function() client:sesionUpdate({}) end)).message)
print(select(2, pcall(function() return Yandex.RealtimeAPIEvents.ResponceDone end)).nearest)
"""
    )
    stage.open(reply)
    unknown, code, method, constant = stage.said()
    assert "Yandex.RealtimeAPIEvents.ResponseDone" in unknown
    assert code == "name.unknown"
    assert "sessionUpdate" in method
    assert constant == "ResponseDone"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("", "{}"),
        ("{}", "{}"),
        ('{ instructions = "x" }', '{"response":{"instructions":"x"}}'),
        ('{ response = { instructions = "x" } }', '{"response":{"instructions":"x"}}'),
        ('{ event_id = "e", instructions = "x" }', '{"event_id":"e","response":{"instructions":"x"}}'),
        ('{ event_id = "e" }', '{"event_id":"e"}'),
        (
            '{ event_id = "e", response = { tools = JSON.array({}) } }',
            '{"event_id":"e","response":{"tools":[]}}',
        ),
        ("{ response = JSON.null }", '{"response":null}'),
    ],
)
def test_a_response_is_created_in_both_forms(stage: Stage, given: str, sent: str) -> None:
    reply = stage.open(stage.run(CONNECT + f"client:responseCreate({given})"))
    assert [command.body for command in commands(reply, SendRealtime)] == [sent]


def test_a_closed_client_takes_every_call_and_does_nothing(stage: Stage) -> None:
    reply = stage.run(
        CONNECT
        + """
client:close()
for _, name in ipairs({ "sessionUpdate", "conversationItemCreate", "conversationItemRetrieve", "conversationItemTruncate",
    "conversationItemDelete", "responseCreate", "responseCancel" }) do
  client[name](client, { item_id = "i" })
end
client:sendMediaTo(client)
client:stopMediaTo(client)
client:clearMediaBuffer()
client:addEventListener(Yandex.Events.WebSocketMediaEnded, print)
client:removeEventListener(Yandex.Events.WebSocketMediaEnded)
client:close()
print(client:id(), client:webSocketId(), tostring(client))
"""
    )
    handle = handle_of_client(reply)
    after = stage.open(reply)
    assert commands(after, SendRealtime) == []
    assert commands(after, CloseRealtime) == [CloseRealtime(handle)]
    named = [text.split(" ")[0] for text in stage.warnings()]
    assert named == [f"client:{method}" for method in [*SENDS, "sendMediaTo"]]
    (ids,) = stage.said()
    assert re.fullmatch(r"([\w-]{36})\t[\w-]{36}\tYandex\.RealtimeAPIClient \1", ids)


LISTENERS = """
require(Modules.Yandex)
local Event = Yandex.RealtimeAPIEvents
VoxEngine.addEventListener(AppEvents.Started, function()
  local client = await(Yandex.createRealtimeAPIClient({
    apiKey = "key", folderId = "b1g", onWebSocketClose = VoxEngine.terminate,
  }))
  local function gone() print("never") end
  client:addEventListener(Event.Error, gone)
  client:addEventListener("Yandex.RealtimeAPI.Error", function() print("by string") end)
  client:addEventListener(Event.Error, function() print("by constant") end)
  client:removeEventListener("Yandex.RealtimeAPI.Error", gone)
  client:addEventListener(Event.ResponseDone, gone)
  client:addEventListener(Event.ResponseDone, gone)
  client:removeEventListener(Event.ResponseDone)
  local once
  once = function()
    print("once")
    client:removeEventListener(Event.Unknown, once)
  end
  client:addEventListener(Event.Unknown, once)
  -- Before anything came from the provider: sent in this order.
  client:sessionUpdate({ session = { instructions = "x" } })
  client:responseCreate({})
  client:conversationItemDelete({ item_id = "item_1" })
end)
"""


def test_what_is_sent_at_once_arrives_in_order_and_removed_listeners_hear_nothing(
    run_voxrt: RunVoxrt, tmp_path: Path
) -> None:
    (tmp_path / "s.lua").write_text(LISTENERS, encoding="utf-8")
    said = [
        {"type": wire_type, "event_id": "e"}
        for wire_type in ("error", "response.done", "x.y", "x.y", "error")
    ]
    with serving([Hear("conversation.item.delete"), CREATED, *said, Close()]) as server:
        done = run_voxrt("run", "s.lua", "--call", "none", "--provider", server.url, "--json")
    assert server.visit.types() == ["session.update", "response.create", "conversation.item.delete"]
    assert server.visit.complaints == []
    assert done.log == ["by string", "by constant", "once", "by string", "by constant"]


MEDIA = """
require(Modules.Yandex)
VoxEngine.addEventListener(AppEvents.CallAlerting, function(alert)
  local caller = alert.call
  caller:answer()
  local function connect()
    return Yandex.createRealtimeAPIClient({ apiKey = "key", folderId = "b1g" })
  end
  local first = await(connect())
  local second = await(connect())
  local callee = VoxEngine.callPSTN("7495", "7916")
  await(Promise.new(function(resolve) callee:addEventListener(CallEvents.Connected, resolve) end))
  caller:record({ stereo = true })
  callee:record({ stereo = true })
  caller:sendMediaTo(first)
  caller:sendMediaTo(callee)
  first:sendMediaTo(caller)
  first:sendMediaTo(second)
  callee:sendMediaTo(second)
  first:addEventListener(Yandex.Events.WebSocketMediaEnded, function()
    second:stopMediaTo(caller)
    callee:stopMediaTo(second)
    first:responseCreate({})
    second:responseCreate({})
    caller:hangup()
    callee:hangup()
    await(sleep(200))
    VoxEngine.terminate()
  end)
  first:sendMediaTo(second)
  first:responseCreate({})
end)
"""

AGENT, CALLER, CALLEE = 8000, 16000, 24000
"""Levels by which audio is told apart."""


def write_wav(path: Path, amplitude: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(level(amplitude, 6000, 8000))


def levels_in(samples: bytes) -> set[int]:
    """Returns which of the levels fill at least 100 ms (8 kHz or more) of the samples."""
    pcm = np.frombuffer(samples, dtype="<i2")
    return {wanted for wanted in (AGENT, CALLER, CALLEE) if np.sum(abs(pcm.astype(int) - wanted) < 800) > 800}


def test_audio_goes_from_each_kind_of_unit_to_each(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "s.lua").write_text(MEDIA, encoding="utf-8")
    write_wav(tmp_path / "caller.wav", CALLER)
    write_wav(tmp_path / "callee.wav", CALLEE)
    speaks: Script = [CREATED, Hear("response.create"), *Answer(1, level(AGENT, 600)).whole()]
    with serving(speaks, [CREATED]) as server:
        calls = ("--call", "wav:caller.wav", "--callee", "*=wav:callee.wav")
        run_voxrt("run", "s.lua", "--provider", server.url, *calls, "--json", "--no-speech")
    agent, listener = server.visits
    assert levels_in(agent.audio) == {CALLER}  # call to client
    assert levels_in(listener.audio) == {AGENT}  # client to client; the newest stream replaced the callee's
    heard = []
    for path in (tmp_path / "recordings").glob("*.wav"):
        with wave.open(str(path)) as recording:
            sides = np.frombuffer(recording.readframes(-1), dtype="<i2").reshape(-1, 2)
        heard.append((levels_in(sides[:, 0].tobytes()), levels_in(sides[:, 1].tobytes())))
    # Left is the far end, right what it hears: client to call, and call to call.
    assert sorted(heard, key=str) == sorted([({CALLER}, {AGENT}), ({CALLEE}, {CALLER})], key=str)
