"""The realtime client: connection, messages on the wire, events."""

from __future__ import annotations

import json

import pytest

from scenario_stage import INCOMING, Stage, bodies, command, commands, handle_of_client
from voxruntime.config import Limits
from voxruntime.turn.messages import (
    ClearMedia,
    CloseRealtime,
    ConnectRealtime,
    InterruptRealtime,
    Listen,
    Reply,
    SendMedia,
    SendRealtime,
    StartTimer,
    TruncateRealtime,
    WatchQuiet,
)

CONNECT = """
require(Modules.Yandex)
client = await(Yandex.createRealtimeAPIClient({
  apiKey = "k",
  folderId = "f",
  onWebSocketClose = function(event)
    print("closed", event.websocket == client, event.code, event.reason, event.wasClean)
  end,
}))
"""


def connected(stage: Stage, code: str) -> tuple[Reply, int]:
    """The reply to the turn in which `code` got its client, and the client's handle."""
    reply = stage.run(CONNECT + code)
    return stage.open(reply), handle_of_client(reply)


def test_create_connects_with_its_parameters(stage: Stage) -> None:
    reply = stage.run("""
require(Modules.Yandex)
Yandex.createRealtimeAPIClient({
  apiKey = "k", folderId = "f", model = "speech-realtime-260528", privacy = true, trace = true, statistics = true,
})
Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" })
""")
    full, least = commands(reply, ConnectRealtime)
    assert (full.provider, full.api_key, full.folder_id, full.model) == (
        "Yandex",
        "k",
        "f",
        "speech-realtime-260528",
    )
    assert (full.privacy, full.trace, full.statistics) == (True, True, True)
    assert (least.model, least.privacy, least.trace, least.statistics) == (
        "speech-realtime-250923",
        False,
        False,
        False,
    )
    assert len({full.id, full.socket_id, least.id, least.socket_id}) == 4


def test_a_refused_connection_rejects_with_what_the_provider_said(stage: Stage) -> None:
    reply = stage.run("""
require(Modules.Yandex)
local ok, err = pcall(function() return await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" })) end)
print(ok, err.code, err.status, err.body, err.headers.server, err.retryable, err.message)
""")
    stage.refuse(
        reply, body="denied", headers={"server": "x"}, code="provider.rate", status=429, retryable=True
    )
    assert stage.said() == ["false\tprovider.rate\t429\tdenied\tx\ttrue\tHTTP 401"]


def test_an_unhandled_refusal_ends_the_session_at_the_create_call(stage: Stage) -> None:
    reply = stage.run(
        "require(Modules.Yandex)\nYandex.createRealtimeAPIClient({ apiKey = 'k', folderId = 'f' })"
    )
    fault = stage.refuse(reply).fault
    assert fault is not None
    assert (fault.code, fault.message, fault.file, fault.line) == (
        "provider.auth",
        "HTTP 401",
        "main.lua",
        2,
    )


def test_an_uncaught_refusal_names_the_await(stage: Stage) -> None:
    reply = stage.run("""
require(Modules.Yandex)
local connecting = Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" })
await(connecting)
""")
    fault = stage.refuse(reply).fault
    assert fault is not None
    assert (fault.code, fault.message, fault.file, fault.line) == ("provider.auth", "HTTP 401", "main.lua", 4)
    assert "in the promise made at main.lua:3" in fault.traceback


def test_one_socket_too_many_raises_until_one_is_closed(stage: Stage) -> None:
    stage.run(
        """
require(Modules.Yandex)
local function create() return Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" }) end
create():next(function(client)
  print(select(2, pcall(create)).code)
  client:close()
  print((pcall(create)))
end)
""",
        limits=Limits(sockets=1),
    )
    stage.turn("promise.resolve", target=2)
    assert stage.said() == ["limit.sockets", "true"]


@pytest.mark.parametrize(
    ("method", "event_type"),
    [
        ("sessionUpdate", "session.update"),
        ("conversationItemCreate", "conversation.item.create"),
        ("conversationItemRetrieve", "conversation.item.retrieve"),
        ("conversationItemTruncate", "conversation.item.truncate"),
        ("conversationItemDelete", "conversation.item.delete"),
        ("responseCreate", "response.create"),
        ("responseCancel", "response.cancel"),
    ],
)
def test_messages_go_out_as_sorted_json_without_their_type(
    stage: Stage, method: str, event_type: str
) -> None:
    reply, client = connected(
        stage,
        f'client:{method}({{ type = "x", item_id = "i", event_id = "e", audio_end_ms = 1500.0, response = {{}} }})',
    )
    sent = command(reply, SendRealtime)
    assert (sent.client, sent.event_type) == (client, event_type)
    assert sent.body == '{"audio_end_ms":1500,"event_id":"e","item_id":"i","response":{}}'


def test_messages_keep_nulls_and_empty_arrays(stage: Stage) -> None:
    reply, _ = connected(
        stage,
        """
local item = JSON.decode('{"item":{"content":[],"call_id":null,"n":9007199254740993}}')
item.previous_item_id = JSON.null
client:conversationItemCreate(item)
""",
    )
    assert command(reply, SendRealtime).body == (
        '{"item":{"call_id":null,"content":[],"n":9007199254740993},"previous_item_id":null}'
    )


def test_truncate_without_a_position_leaves_it_to_the_engine(stage: Stage) -> None:
    reply, client = connected(
        stage,
        """
client:conversationItemTruncate({ item_id = "i" })
client:conversationItemTruncate({ item_id = "i", content_index = 2, event_id = "e" })
client:conversationItemTruncate({ item_id = "i", content_index = 0, audio_end_ms = 0 })
""",
    )
    assert commands(reply, TruncateRealtime) == [
        TruncateRealtime(client, "i", 0, ""),
        TruncateRealtime(client, "i", 2, "e"),
    ]
    assert bodies(reply) == [{"item_id": "i", "content_index": 0, "audio_end_ms": 0}]


def test_cancel_and_create_need_no_parameters(stage: Stage) -> None:
    reply, _ = connected(stage, "client:responseCancel() client:responseCreate()")
    assert [sent.body for sent in commands(reply, SendRealtime)] == ["{}", "{}"]


def test_media_commands(stage: Stage) -> None:
    stage.run(f"""
VoxEngine.addEventListener(AppEvents.CallAlerting, function(event)
  event.call:answer()
  {CONNECT}
  client:sendMediaTo(event.call, {{ tag = "t", customParameters = {{}}, encoding = "PCM16" }})
  client:clearMediaBuffer()
  client:clearMediaBuffer({{ tag = "t" }})
  client:stopMediaTo(event.call)
  VoxEngine.sendMediaBetween(event.call, client)
end)
""")
    alerted = stage.alert()
    client = handle_of_client(alerted)
    reply = stage.open(alerted)
    assert commands(reply, SendMedia) == [
        SendMedia(client, INCOMING, "t"),
        SendMedia(INCOMING, client, ""),
        SendMedia(client, INCOMING, ""),
    ]
    assert commands(reply, ClearMedia) == [ClearMedia(client), ClearMedia(client)]


def test_close_goes_once_and_makes_the_rest_harmless(stage: Stage) -> None:
    reply, client = connected(
        stage,
        """
client:close()
client:close()
client:sessionUpdate({ session = {} })
client:conversationItemTruncate({ item_id = "i" })
client:clearMediaBuffer()
client:sendMediaTo(client)
client:stopMediaTo(client)
print(client:id() ~= "", client:webSocketId() ~= "")
""",
    )
    assert reply.commands == [CloseRealtime(client)]
    assert stage.warnings() == [
        "client:sessionUpdate does nothing: the client is closed",
        "client:conversationItemTruncate does nothing: the client is closed",
        "client:sendMediaTo does nothing: the client has ended",
    ]
    assert stage.said() == ["true\ttrue"]


def test_a_closed_socket_calls_on_web_socket_close(stage: Stage) -> None:
    _, client = connected(stage, "setTimeout(function() client:responseCancel() end, 0)")
    stage.turn("WebSocket.Close", {"code": 1006, "reason": "gone", "wasClean": False}, target=client)
    assert stage.said() == ["closed\ttrue\t1006\tgone\tfalse"]
    assert stage.fire(3).commands == []
    assert stage.warnings() == ["client:responseCancel does nothing: the client is closed"]


def test_a_socket_may_close_without_anyone_listening(stage: Stage) -> None:
    reply = stage.run("""
require(Modules.Yandex)
await(Yandex.createRealtimeAPIClient({ apiKey = "k", folderId = "f" })):id()
""")
    stage.open(reply)
    payload = {"code": 1000, "reason": "", "wasClean": True}
    assert stage.turn("WebSocket.Close", payload, target=handle_of_client(reply)).commands == []


def test_provider_events_carry_client_and_payload(stage: Stage) -> None:
    _, client = connected(
        stage,
        """
client:addEventListener(Yandex.RealtimeAPIEvents.ResponseDone, function(event)
  print(event.client == client, event.name, JSON.encode(event.data), JSON.isNull(event.data.payload.response, "usage"))
end)
""",
    )
    message = {"response": {"output": [], "usage": None}, "type": "response.done"}
    stage.provider("ResponseDone", message, client=client)
    encoded = json.dumps({"customEvent": "wire", "payload": message}, sort_keys=True, separators=(",", ":"))
    assert stage.said() == [f"true\tnil\t{encoded}\ttrue"]


@pytest.mark.parametrize("data", [{"payload": {"status": 101}}, {"status": 101}])
def test_events_of_the_connector_carry_their_payload(stage: Stage, data: dict[str, object]) -> None:
    _, client = connected(
        stage,
        'client:addEventListener("Yandex.RealtimeAPI.HTTPResponse", function(e) print(e.data.payload.status) end)',
    )
    stage.turn("Yandex.RealtimeAPI.HTTPResponse", {"data": data}, target=client)
    assert stage.said() == ["101"]


def test_media_events_carry_their_fields(stage: Stage) -> None:
    _, client = connected(
        stage,
        """
client:addEventListener(Yandex.Events.WebSocketMediaStarted, function(e) print(e.client == client, e.encoding) end)
client:addEventListener(Yandex.Events.WebSocketMediaEnded, function(e) print(e.mediaInfo.duration) end)
""",
    )
    stage.turn("Yandex.Events.WebSocketMediaStarted", {"encoding": "PCM16"}, target=client)
    stage.turn("Yandex.Events.WebSocketMediaEnded", {"mediaInfo": {"duration": 2.5}}, target=client)
    assert stage.said() == ["true\tPCM16", "2.5"]


def test_listening_is_told_to_the_engine_per_event(stage: Stage) -> None:
    reply, client = connected(stage, "client:addEventListener(Yandex.RealtimeAPIEvents.Error, print)")
    assert reply.commands == [Listen(client, "Yandex.RealtimeAPI.Error", ["main.lua:10"])]


def test_interrupt_asks_the_engine_and_gives_what_it_answers(stage: Stage) -> None:
    reply, client = connected(
        stage,
        """
local heard = await(client:interrupt())
print(heard.item_id, heard.heard_ms)
client:interrupt({ cancel = false, truncate = false })
""",
    )
    asked = command(reply, InterruptRealtime)
    assert (asked.client, asked.cancel, asked.truncate) == (client, True, True)
    answered = stage.turn("promise.resolve", {"item_id": "a", "heard_ms": 40}, target=asked.promise)
    assert stage.said() == ["a\t40"]
    silent = command(answered, InterruptRealtime)
    assert (silent.cancel, silent.truncate) == (False, False)


def test_interrupt_of_a_closed_client_has_heard_nothing(stage: Stage) -> None:
    reply, _client = connected(
        stage, "client:close() print(await(client:interrupt()).heard_ms, await(client:interrupt()).item_id)"
    )
    assert commands(reply, InterruptRealtime) == []
    assert stage.said() == ["0\tnil"]
    assert stage.warnings() == ["client:interrupt does nothing: the client is closed"] * 2


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("client:interrupt(1)", "client:interrupt: argument 1 must be a table, got the number 1"),
        ("client:interrupt({ cancel = 1 })", "client:interrupt: argument 1.cancel must be true or false"),
        (
            "client:quiet(-1)",
            "client:quiet: argument 1 must be milliseconds, 0 to 3600000, got the number -1",
        ),
        ("client:quiet()", "client:quiet: argument 1 must be milliseconds"),
        ("client:clearMediaBuffer({ tag = 1 })", "client:clearMediaBuffer: argument 1.tag must be a string"),
    ],
)
def test_bad_arguments_of_what_silences_name_the_place(stage: Stage, code: str, message: str) -> None:
    connected(stage, f"print(select(2, pcall(function() {code} end)).message)")
    (said,) = stage.said()
    assert said.startswith(message)


def test_an_unknown_option_of_interrupt_is_warned_about(stage: Stage) -> None:
    connected(stage, "client:interrupt({ canel = false })")
    assert stage.warnings() == [
        'client:interrupt has no option "canel" and ignores it; the nearest is "cancel"'
    ]


def test_quiet_gives_what_the_engine_answers_and_false_for_a_closed_client(stage: Stage) -> None:
    reply, client = connected(
        stage, "print(await(client:quiet(500))) client:close() print(await(client:quiet(1)))"
    )
    asked = command(reply, WatchQuiet)
    assert (asked.client, asked.quiet_ms) == (client, 500.0)
    answered = stage.turn("promise.resolve", {"quiet": True}, target=asked.promise)
    assert stage.said() == ["true", "false"]
    assert commands(answered, WatchQuiet) == []


def test_a_hundred_promises_of_quiet_wait_and_no_more(stage: Stage) -> None:
    code = (
        "for _ = 1, 100 do client:quiet(1) end print(select(2, pcall(function() client:quiet(1) end)).code)"
    )
    reply, _client = connected(stage, code + " ask = function() client:quiet(1) end setTimeout(ask, 1)")
    assert stage.said() == ["limit.timers"]
    asked = commands(reply, WatchQuiet)
    assert len(asked) == 100
    stage.turn("promise.resolve", {"quiet": True}, target=asked[0].promise)
    assert len(commands(stage.fire(command(reply, StartTimer).timer), WatchQuiet)) == 1
