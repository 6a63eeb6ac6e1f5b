"""VoxEngine's guide to the Yandex client, ported line by line, runs as it does on the platform."""

from __future__ import annotations

from pathlib import Path

from conformance.realtime.scripted_server import Hear, Script, serving
from conformance.realtime.sequences import (
    CREATED,
    UPDATED,
    Answer,
    event,
    function_call,
    level,
    speech,
    transcription,
)
from voxrt_command import RunVoxrt

GUIDE = Path(__file__).parent / "guide.lua"

DIALOGUE = """
[state.desk]
say = "Hello there!"

[[state.desk.expect]]
phrases = ["what time is it"]
call = "get_time"
arguments = { city = "Perm" }
result = "It is {result.result}."

[[expect]]
phrases = ["goodbye"]
call = "hangup_call"
result = "Goodbye!"
"""

CALLER = """
[[step]]
wait = "agent_finished"
timeout_ms = 20000

[[step]]
say = "what time is it"

[[step]]
wait = "agent_finished"
timeout_ms = 20000

[[step]]
say = "goodbye"

[[step]]
pause_ms = 20000
"""

SCRIPT: Script = [
    CREATED,
    Hear("response.create"),
    UPDATED,
    *Answer(1, level(3000, 300)).whole("Здравствуйте!"),
    *speech(),
    transcription("Который час в Перми?"),
    *function_call("get_time", '{"city": "Пермь"}', number=2),
    Hear("response.create"),
    *Answer(3, level(4000, 300)).whole("Полдень."),
    *function_call("hangup_call", "{}", call_id="call_2", number=4),
    Hear("response.create"),
    *Answer(5, level(5000, 300)).whole("До свидания!"),
    event("rate_limits.updated", rate_limits=[]),
]


def test_the_guides_flow_sends_what_the_guide_says(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "caller.toml").write_text("[[step]]\npause_ms = 30000\n", encoding="utf-8")
    with serving(SCRIPT) as server:
        arguments = ("--provider", server.url, "--call", "script:caller.toml", "--no-speech", "--json")
        done = run_voxrt("run", GUIDE, *arguments)
    assert [line for line in done.log if not line.startswith("===WebSocketMedia")] == [
        "===SessionUpdated===",
        "===ResponseCreated===",
        "agent: Здравствуйте!",
        *["===Unknown==="] * 2,
        "caller: Который час в Перми?",
        "===ResponseCreated===",
        "===ResponseCreated===",
        "agent: Полдень.",
        "===ResponseCreated===",
        "===ResponseCreated===",
        "agent: До свидания!",
        "===RateLimitsUpdated===",
    ]
    assert done.log[-1] == "===WebSocketMediaEnded==="
    assert done.report["result"] == "terminated"
    (recording,) = [path for path in done.files if path.endswith(".wav")]
    assert recording.startswith("recordings/")
    visit = server.visit
    assert visit.complaints == []
    assert visit.types() == [
        "session.update",
        "response.create",
        "conversation.item.create",
        "response.create",
        "conversation.item.create",
        "response.create",
    ]
    (update,) = visit.of_type("session.update")
    assert update["session"] == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "You are a helpful voice assistant. Keep answers short.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 400},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marina"},
        },
        "tools": [
            {
                "type": "function",
                "name": "get_time",
                "description": "Tells the time in a city",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}},
                    "required": ["city"],
                },
            },
            {
                "type": "function",
                "name": "hangup_call",
                "description": "Ends the call",
                "parameters": {"type": "object"},
            },
        ],
    }
    assert [message.get("response") for message in visit.of_type("response.create")] == [
        {"instructions": "Greet the caller."},
        None,
        {"instructions": "Say goodbye."},
    ]
    assert [message["item"] for message in visit.of_type("conversation.item.create")] == [
        {"type": "function_call_output", "call_id": "call_1", "output": '{"result":"12:00 in Пермь"}'},
        {"type": "function_call_output", "call_id": "call_2", "output": '{"result":"ok"}'},
    ]


def test_the_guides_flow_holds_a_conversation(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    (tmp_path / "guide.dialogue.toml").write_text(DIALOGUE, encoding="utf-8")
    (tmp_path / "caller.toml").write_text(CALLER, encoding="utf-8")
    arguments = ("--dialogue", "guide.dialogue.toml", "--call", "script:caller.toml", "--no-speech", "--json")
    done = run_voxrt("run", GUIDE, *arguments)
    said = [line for line in done.log if not line.startswith("===")]
    assert said == [
        "agent: Hello there!",
        "caller: what time is it",
        "agent: It is 12:00 in Perm.",
        "caller: goodbye",
        "agent: Goodbye!",
    ]
