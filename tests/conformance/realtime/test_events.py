"""Every event of the Yandex namespace, reached by bytes on a socket in a run of `voxrt`.

One run hears everything that a server may say, in one conversation; the tests look at what its scenario got.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping

import pytest

from conformance.realtime.scripted_server import Cut, Hear, Script, Visit, serving
from conformance.realtime.server_messages import HOST_MADE, MESSAGES, NAMES, WITHOUT_CONSTANT
from voxrt_command import Finished, run_in

JsonObject = dict[str, object]

SCENARIO = """
require(Modules.Yandex)

local function tell(label, event, client)
  local keys = {}
  for key in pairs(event) do keys[#keys + 1] = key end
  table.sort(keys)
  local data = event.data or {}
  if data.payload and data.payload.item_id == "long" then
    -- Longer than a log line.
    print(JSON.encode({ label = "long", isEqual = data.payload.text == string.rep("Жx", 2 ^ 19) }))
    return
  end
  print(JSON.encode({
    label = label, keys = keys, isClient = event.client == client, customEvent = data.customEvent,
    payload = data.payload, mediaInfo = event.mediaInfo, encoding = event.encoding,
  }))
end

VoxEngine.addEventListener(AppEvents.CallAlerting, function(alert)
  local call, client = alert.call, nil
  call:answer()
  client = await(Yandex.createRealtimeAPIClient({
    apiKey = "key",
    folderId = "b1g",
    onWebSocketClose = function(event)
      print(JSON.encode({ label = "onWebSocketClose", code = event.code, wasClean = event.wasClean,
        isClient = event.websocket == client }))
      VoxEngine.terminate()
    end,
  }))
  for _, enum in ipairs({ "RealtimeAPIEvents", "Events" }) do
    for constant, value in pairs(Yandex[enum]) do
      print(JSON.encode({ label = "declared", constant = enum .. "." .. constant, value = value }))
      client:addEventListener(value, function(event) tell(enum .. "." .. constant, event, client) end)
    end
  end
  client:sendMediaTo(call)
  client:responseCreate({ metadata = { go = "on" } })
  client:addEventListener("Yandex.Events.WebSocketMediaEnded", function()
    client:responseCreate({ metadata = { go = "away" } })
  end)
end)
"""

EXTREMES: JsonObject = {
    "type": "rate_limits.updated",
    "event_id": "extremes",
    "null": None,
    "empty_array": [],
    "empty_object": {},
    "nested": {"a": [None, [], {}, [None], {"b": None}], "c": {"d": {"e": []}}},
    "integers": [0, -1, 2**31, 2**53 - 1, 2**53, -(2**53)],
    "floats": [0.1, -1.5, 1e300, 5e-324, 1.0],
    "booleans": [True, False],
    "unicode": 'Ёж 🦔 \u2028 \u0000 " \\ / \ud7ff 𝄞 é é',
    "ключ": "значение",
    "": "empty key",
    "1": "digits for a key",
}

LONG_TEXT = {
    "type": "response.output_text.done",
    "event_id": "long",
    "response_id": "resp_1",
    "item_id": "long",
    "output_index": 0,
    "content_index": 0,
    "text": "Жx" * 2**19,
}
"""A text of 1 Mi characters, 1.5 MiB of UTF-8."""

AUDIO = {
    "type": "response.output_audio.delta",
    "event_id": "audio",
    "response_id": "resp_1",
    "item_id": "item_2",
    "output_index": 0,
    "content_index": 0,
    "delta": base64.b64encode(b"\x10\x27" * 4800).decode(),
}
"""200 ms at 24 kHz."""

SCRIPT: Script = [
    Hear("response.create"),
    *MESSAGES.values(),
    *WITHOUT_CONSTANT,
    EXTREMES,
    AUDIO,
    Hear("response.create"),
    LONG_TEXT,
    Cut(),
]

CALLER = """
[[step]]
pause_ms = 60000
"""


class Heard:
    """What the scenario of the run told of its events."""

    def __init__(self, run: Finished, visit: Visit) -> None:
        self.run = run
        self.visit = visit
        self.told: list[JsonObject] = [json.loads(line) for line in run.log if line.startswith("{")]

    def under(self, label: str) -> list[JsonObject]:
        return [told for told in self.told if told["label"] == label]

    def payloads(self, constant: str) -> list[object]:
        return [told["payload"] for told in self.under(f"RealtimeAPIEvents.{constant}")]


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    folder = tmp_path_factory.mktemp("events")
    (folder / "s.lua").write_text(SCENARIO, encoding="utf-8")
    (folder / "caller.toml").write_text(CALLER, encoding="utf-8")
    with serving(SCRIPT) as server:
        arguments = ("--provider", server.url, "--call", "script:caller.toml", "--no-speech", "--json")
        yield Heard(run_in(folder, "run", "s.lua", *arguments), server.visit)


def exact(value: object) -> object:
    """Returns a value in which 1 and true differ, as they do in JSON; 1.0 is 1 there."""
    if isinstance(value, Mapping):
        return {key: exact(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    return (isinstance(value, bool), value)


@pytest.mark.parametrize("wire_type", MESSAGES)
def test_each_wire_type_arrives_at_its_constant_with_its_whole_payload(heard: Heard, wire_type: str) -> None:
    sent = [MESSAGES[wire_type]]
    if wire_type == "rate_limits.updated":
        sent.append(EXTREMES)
    arrived = heard.under(f"RealtimeAPIEvents.{NAMES[wire_type]}")
    assert [exact(told["payload"]) for told in arrived] == [exact(message) for message in sent]
    for told in arrived:
        assert told["keys"] == ["client", "data"]
        assert told["isClient"] is True
        assert told["customEvent"] == wire_type


def test_what_has_no_constant_arrives_at_unknown(heard: Heard) -> None:
    assert [exact(payload) for payload in heard.payloads("Unknown")] == [
        exact(message) for message in WITHOUT_CONSTANT
    ]
    assert [told.get("customEvent", "") for told in heard.under("RealtimeAPIEvents.Unknown")] == [
        message.get("type", "") for message in WITHOUT_CONSTANT
    ]


def test_the_handshake_is_the_first_event_and_what_was_connected_to_the_second(heard: Heard) -> None:
    events = [told for told in heard.told if str(told["label"]).startswith(("RealtimeAPIEvents.", "Events."))]
    assert [told["label"] for told in events[:2]] == [
        "RealtimeAPIEvents.HTTPResponse",
        "RealtimeAPIEvents.ConnectorInformation",
    ]
    reply, connector = (told["payload"] for told in events[:2])
    assert isinstance(reply, dict)
    assert isinstance(connector, dict)
    assert reply["status"] == 101
    assert "Sec-WebSocket-Accept" in reply["headers"]
    assert connector["url"].endswith(heard.visit.path)
    assert "gpt%3A%2F%2Fb1g%2Fspeech-realtime-250923" in heard.visit.path
    assert heard.visit.headers["authorization"] == "Api-Key key"


def test_a_cut_connection_is_an_error_and_then_the_close(heard: Heard) -> None:
    error, close = heard.told[-2:]
    assert error["label"] == "RealtimeAPIEvents.WebSocketError"
    assert isinstance(error["payload"], dict)
    assert "dropped" in error["payload"]["message"]
    assert close == {"label": "onWebSocketClose", "code": 1006, "wasClean": False, "isClient": True}


def test_the_providers_audio_is_media_and_no_event(heard: Heard) -> None:
    (started,), (ended,) = (
        heard.under("Events.WebSocketMediaStarted"),
        heard.under("Events.WebSocketMediaEnded"),
    )
    assert (started["keys"], started["encoding"]) == (["client", "encoding"], "PCM16")
    assert (ended["keys"], ended["mediaInfo"]) == (["client", "mediaInfo"], {"duration": 0.2})
    assert started["isClient"] is ended["isClient"] is True
    assert "response.output_audio.delta" not in [told.get("customEvent") for told in heard.told]


def test_a_text_of_a_mebibyte_arrives_whole(heard: Heard) -> None:
    assert heard.under("long") == [{"label": "long", "isEqual": True}]


def test_no_constant_is_missing_and_each_has_its_own_string(heard: Heard) -> None:
    declared = {told["constant"]: told["value"] for told in heard.under("declared")}
    assert declared == {
        **{
            f"RealtimeAPIEvents.{name}": f"Yandex.RealtimeAPI.{name}"
            for name in [*HOST_MADE, *NAMES.values()]
        },
        "Events.WebSocketMediaStarted": "Yandex.Events.WebSocketMediaStarted",
        "Events.WebSocketMediaEnded": "Yandex.Events.WebSocketMediaEnded",
    }
    assert len(declared) == 48


def test_every_constant_was_reached_and_the_report_counts_them(heard: Heard) -> None:
    arrived = {"ResponseOutputTextDone": len(heard.under("long"))}
    for told in heard.told:
        enum, _, constant = str(told["label"]).partition(".")
        if enum == "RealtimeAPIEvents":
            arrived[constant] = arrived.get(constant, 0) + 1
    realtime = heard.run.report["realtime"]
    assert isinstance(realtime, list)
    assert realtime[0]["events"] == arrived
    assert set(arrived) == {*HOST_MADE, *NAMES.values()}
    assert realtime[0]["usage"] == {
        "total_tokens": 30,
        "input_tokens": 20,
        "output_tokens": 10,
        "input_text_tokens": 12,
        "input_audio_tokens": 8,
        "input_cached_tokens": 4,
        "output_text_tokens": 3,
        "output_audio_tokens": 7,
    }


def test_the_client_broke_no_rule(heard: Heard) -> None:
    assert heard.visit.complaints == []
    assert heard.visit.types() == ["response.create", "response.create"]
