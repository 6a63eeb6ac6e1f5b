"""The sequences of the Realtime API, and what live servers do beside the rules, as a scenario and its caller meet them."""

from __future__ import annotations

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from conformance.realtime.scripted_server import APPEND, Close, Hear, Script, Step, serving
from conformance.realtime.sequences import (
    CONNECTED,
    CREATED,
    UPDATED,
    Answer,
    event,
    function_call,
    in_beta,
    in_pace,
    level,
    speech,
    transcription,
)
from conformance.realtime.server_messages import NAMES, item, response, session
from voxrt_command import Finished, RunVoxrt

SCENARIO = """
require(Modules.Yandex)
local Event = Yandex.RealtimeAPIEvents

VoxEngine.addEventListener(AppEvents.CallAlerting, function(alert)
  alert.call:answer()
  client = await(Yandex.createRealtimeAPIClient({
    apiKey = "key", folderId = "b1g",
    onWebSocketClose = function(event)
      print("closed " .. event.code)
      VoxEngine.terminate()
    end,
  }))
  for constant, value in pairs(Event) do
    client:addEventListener(value, function() print(constant) end)
  end
  client:addEventListener(Yandex.Events.WebSocketMediaEnded, function()
    client:responseCreate({ metadata = { heard = "all" } })
  end)
  VoxEngine.sendMediaBetween(alert.call, client)
  client:sessionUpdate({ session = { instructions = "Be brief." } })
  ACT
end)
"""

BARGE_IN = """
client:addEventListener(Yandex.Events.WebSocketMediaStarted, function()
  client:conversationItemRetrieve({ item_id = "on" })
end)
client:addEventListener(Event.InputAudioBufferSpeechStarted, function()
  client:clearMediaBuffer()
  client:conversationItemRetrieve({ item_id = "off" })
end)
"""
"""Tells the server when the caller begins to hear the agent, and when no more."""

CALL_TOOL = """
client:addEventListener(Event.ResponseOutputItemDone, function(event)
  local item = event.data.payload.item
  if item.type == "function_call" then
    client:conversationItemCreate({ item = { type = "function_call_output", call_id = item.call_id, output = "{}" } })
    client:responseCreate({})
  end
end)
"""

END: Script = [Hear("response.create"), Close()]
"""Sent once the caller has heard everything."""

ONE, TWO, THREE = 8000, 16000, 24000
"""Levels of audio that is told apart by them."""


@dataclass(frozen=True)
class Case:
    """What a server does, and what must come of it.

    Attributes:
        script: The server's part, from the first message on.
        heard: What the caller hears: pairs of level and ms, in order.
        act: What the scenario adds.
        sent: Types that the client sends, but for audio.
    """

    script: Sequence[Step]
    heard: Sequence[tuple[int, int]] = ()
    act: str = ""
    sent: Sequence[str] = ("session.update", "response.create")


FIRST, SECOND = Answer(1, level(ONE, 1000)), Answer(2, level(TWO, 600))
INTERRUPTED = event("input_audio_buffer.speech_started", audio_start_ms=2000, item_id="item_v")
CANCELLED = {"status_details": {"type": "cancelled", "reason": "turn_detected"}}
STATES_44100 = session(audio={"output": {"format": {"type": "audio/pcm", "rate": 44100}}})
STATES_NULL = session(audio={"output": {"format": {"type": "audio/pcm", "rate": None}}})
MCP_CALL = item("mcp_call", id="item_m", name="add", arguments="{}", server_label="tools", output="3")

CASES = {
    "a turn by server VAD": Case(
        [*CONNECTED, *speech(), transcription("Да?"), *FIRST.whole(), *END], [(ONE, 1000)]
    ),
    "transcription after the response, cumulative and again": Case(
        [
            *CONNECTED,
            *speech(),
            *FIRST.whole(),
            transcription("Да"),
            transcription("Да?"),
            transcription("Да?"),
            *END,
        ],
        [(ONE, 1000)],
    ),
    "audio at ten times real time, text beside it": Case(
        [
            *CONNECTED,
            *speech(),
            *FIRST.begin(),
            FIRST.words("Да."),
            *in_pace(FIRST.audio),
            *FIRST.end(),
            *END,
        ],
        [(ONE, 1000)],
    ),
    "barge-in: cancelled, with late audio": Case(
        [
            *CONNECTED,
            *FIRST.begin(),
            *FIRST.audio[:2],
            Hear("conversation.item.retrieve"),
            *[Hear(APPEND)] * 10,
            INTERRUPTED,
            Hear("conversation.item.retrieve"),
            *FIRST.end(status="cancelled", **CANCELLED),
            *FIRST.audio[2:],
            *SECOND.whole(),
            *END,
        ],
        [(ONE, 0), (TWO, 600)],
        BARGE_IN,
        ["session.update", *["conversation.item.retrieve"] * 2, "response.create"],
    ),
    "barge-in: the response never ends": Case(
        [
            *CONNECTED,
            *FIRST.begin(),
            *FIRST.audio,
            Hear("conversation.item.retrieve"),
            *[Hear(APPEND)] * 10,
            INTERRUPTED,
            Hear("conversation.item.retrieve"),
            *SECOND.whole(),
            *END,
        ],
        [(ONE, 0), (TWO, 600)],
        BARGE_IN,
        ["session.update", *["conversation.item.retrieve"] * 2, "response.create"],
    ),
    "two responses in a row, the first without its end": Case(
        [*CONNECTED, *FIRST.begin(), *FIRST.audio, *SECOND.whole(), *END],
        [(ONE, 1000), (TWO, 600)],
    ),
    "session.created and the item twice": Case(
        [CREATED, CREATED, Hear("session.update"), UPDATED, *speech(), *speech()[3:4], *FIRST.whole(), *END],
        [(ONE, 1000)],
    ),
    "beta spellings": Case(
        [*CONNECTED, *in_beta([*FIRST.begin(), FIRST.words("Да."), *FIRST.audio, *FIRST.end()]), *END],
        [(ONE, 1000)],
    ),
    "odd bytes": Case(
        [*CONNECTED, *Answer(1, level(ONE, 1000), chunk_bytes=1001).whole(), *END], [(ONE, 1000)]
    ),
    "an output rate nobody declared": Case(
        [
            CREATED,
            Hear("session.update"),
            event("session.updated", session=STATES_44100),
            *Answer(1, level(ONE, 1000, 44100)).whole(),
            *END,
        ],
        [(ONE, 1000)],
    ),
    "no rate in session.updated": Case(
        [
            CREATED,
            Hear("session.update"),
            event("session.updated", session=STATES_NULL),
            *FIRST.whole(),
            *END,
        ],
        [(ONE, 1000)],
    ),
    "errors, flat and nested, leave the session alone": Case(
        [
            *CONNECTED,
            {"type": "error", "message": "flat"},
            event(
                "error", error={"type": "server_error", "code": None, "message": "nested", "event_id": None}
            ),
            *FIRST.whole(),
            *END,
        ],
        [(ONE, 1000)],
    ),
    "a failed response": Case(
        [
            *CONNECTED,
            event("response.created", response=response(id="resp_9")),
            event(
                "response.done",
                response=response("failed", status_details={"type": "failed", "error": {"code": "x"}}),
            ),
            *FIRST.whole(),
            *END,
        ],
        [(ONE, 1000)],
    ),
    "a text turn": Case(
        [
            *CONNECTED,
            event("response.created", response=response(output_modalities=["text"])),
            FIRST.words("Да"),
            FIRST.words("."),
            event("response.output_text.done", item_id="item_1", text="Да."),
            FIRST.done(),
            Close(),
        ],
        sent=["session.update"],
    ),
    "function calls answered before response.done": Case(
        [
            *CONNECTED,
            *function_call("one", "{}")[:-1],
            *function_call("two", "{}", "call_2")[1:],
            Hear("response.create", 2),
            *FIRST.whole(),
            *END,
        ],
        [(ONE, 1000)],
        CALL_TOOL,
        ["session.update", *["conversation.item.create", "response.create"] * 2, "response.create"],
    ),
    "MCP": Case(
        [
            *CONNECTED,
            event("mcp_list_tools.in_progress", item_id="item_l"),
            event(
                "conversation.item.created", item=item("mcp_list_tools", id="item_l", server_label="tools")
            ),
            event("mcp_list_tools.completed", item_id="item_l"),
            event("response.created", response=response()),
            event("response.output_item.added", response_id="resp_1", output_index=0, item=MCP_CALL),
            event("response.mcp_call_arguments.delta", response_id="resp_1", item_id="item_m", delta="{}"),
            event("response.mcp_call_arguments.done", response_id="resp_1", item_id="item_m", arguments="{}"),
            event("response.mcp_call.in_progress", item_id="item_m", output_index=0),
            event("response.mcp_call.completed", item_id="item_m", output_index=0),
            event("response.output_item.done", response_id="resp_1", output_index=0, item=MCP_CALL),
            event("response.done", response=response("completed", output=[MCP_CALL])),
            Close(),
        ],
        sent=["session.update"],
    ),
    "an idle timeout, and a session that expires": Case(
        [
            *CONNECTED,
            event(
                "input_audio_buffer.timeout_triggered", audio_start_ms=0, audio_end_ms=6000, item_id="item_t"
            ),
            *speech("item_t")[2:],
            *FIRST.whole(),
            Hear("response.create"),
            event(
                "error", error={"type": "invalid_request_error", "code": "session_expired", "message": "x"}
            ),
            Close(1001, "session expired"),
        ],
        [(ONE, 1000)],
    ),
}


def run_case(run_voxrt: RunVoxrt, folder: Path, url: str, act: str) -> Finished:
    (folder / "s.lua").write_text(SCENARIO.replace("ACT", act), encoding="utf-8")
    (folder / "caller.toml").write_text("[[step]]\npause_ms = 60000\n", encoding="utf-8")
    options = ("--call", "script:caller.toml", "--no-speech", "--record", "out.wav", "--json")
    return run_voxrt("run", "s.lua", "--provider", url, *options)


def expected_log(script: Sequence[Step]) -> list[str]:
    """Returns a line for each message that is no audio, and one for the end."""
    lines = ["HTTPResponse", "ConnectorInformation"]
    for step in script:
        if isinstance(step, Close):
            lines.append(f"closed {step.code}")
        elif isinstance(step, dict):
            present = in_present_spelling(str(step["type"]))
            if present != "response.output_audio.delta":
                lines.append(NAMES.get(present, "Unknown"))
    return lines


def in_present_spelling(wire_type: str) -> str:
    for old, new in (
        ("response.audio.", "response.output_audio."),
        ("response.text.", "response.output_text."),
        ("response.audio_transcript.", "response.output_audio_transcript."),
    ):
        wire_type = wire_type.replace(old, new)
    return wire_type


def levels_heard(path: Path) -> list[tuple[int, float]]:
    """Returns the stretches of constant level on the caller's channel, with their ms."""
    with wave.open(str(path)) as recording:
        rate = recording.getframerate()
        samples = np.frombuffer(recording.readframes(-1), dtype="<i2").reshape(-1, 2)[:, 1]
    near = [(samples > wanted - 1500) & (samples < wanted + 1500) for wanted in (ONE, TWO, THREE)]
    found = [
        (wanted, is_near) for wanted, is_near in zip((ONE, TWO, THREE), near, strict=True) if is_near.any()
    ]
    found.sort(key=lambda pair: int(np.argmax(pair[1])))
    return [(wanted, is_near.sum() * 1000 / rate) for wanted, is_near in found]


@pytest.mark.parametrize("name", CASES)
def test_a_sequence_reaches_the_scenario_in_its_order_and_the_caller_as_audio(
    run_voxrt: RunVoxrt, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    with serving(case.script) as server:
        done = run_case(run_voxrt, tmp_path, server.url, case.act)
    assert done.log == expected_log(case.script)
    assert server.visit.complaints == []
    assert server.visit.types() == list(case.sent)
    heard = levels_heard(tmp_path / "out.wav")
    assert [wanted for wanted, _ms in heard] == [wanted for wanted, _ms in case.heard], heard
    for (_, ms), (_, wanted_ms) in zip(heard, case.heard, strict=True):
        # 0: cut off by the caller; the resampler's edges take a few samples off the rest.
        assert abs(ms - wanted_ms) < 12 if wanted_ms else 0 < ms < 950, heard
