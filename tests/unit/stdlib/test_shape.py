"""What `sessionUpdate` and `responseCreate` add to a scenario's message."""

from __future__ import annotations

import json

import pytest

from scenario_stage import Stage, commands
from voxruntime.turn.messages import SendRealtime

PCM = {"type": "audio/pcm", "rate": 24000}


def sent(stage: Stage, code: str) -> list[SendRealtime]:
    reply = stage.run(
        f"""
require(Modules.Yandex)
local client = await(Yandex.createRealtimeAPIClient({{ apiKey = "k", folderId = "f" }}))
{code}
"""
    )
    return commands(stage.open(reply), SendRealtime)


def sessions(stage: Stage, *updates: str) -> list[object]:
    code = "\n".join(f"client:sessionUpdate(JSON.decode([==[{update}]==]))" for update in updates)
    return [json.loads(message.body)["session"] for message in sent(stage, code)]


@pytest.mark.parametrize(
    ("update", "session"),
    [
        ({}, {"type": "realtime", "audio": {"input": {"format": PCM}, "output": {"format": PCM}}}),
        (
            {"type": "realtime", "instructions": "x", "tools": []},
            {
                "type": "realtime",
                "instructions": "x",
                "tools": [],
                "audio": {"input": {"format": PCM}, "output": {"format": PCM}},
            },
        ),
        (
            {
                "turn_detection": {"type": "server_vad"},
                "voice": "marina",
                "input_audio_transcription": {"model": "m"},
            },
            {
                "type": "realtime",
                "audio": {
                    "input": {
                        "format": PCM,
                        "turn_detection": {"type": "server_vad"},
                        "transcription": {"model": "m"},
                    },
                    "output": {"format": PCM, "voice": "marina"},
                },
            },
        ),
        (
            {"turn_detection": None},
            {
                "type": "realtime",
                "audio": {"input": {"format": PCM, "turn_detection": None}, "output": {"format": PCM}},
            },
        ),
        (
            {"voice": "old", "audio": {"output": {"voice": "new"}}},
            {
                "type": "realtime",
                "audio": {"input": {"format": PCM}, "output": {"format": PCM, "voice": "new"}},
            },
        ),
        (
            {"turn_detection": {"type": "server_vad"}, "audio": {"input": {"turn_detection": None}}},
            {
                "type": "realtime",
                "audio": {"input": {"format": PCM, "turn_detection": None}, "output": {"format": PCM}},
            },
        ),
        (
            {"audio": {"input": {"format": {"type": "audio/pcm"}}, "output": {"format": None}}},
            {"type": "realtime", "audio": {"input": {"format": PCM}, "output": {"format": PCM}}},
        ),
        (
            {"type": "transcription", "audio": None},
            {"type": "transcription", "audio": {"input": {"format": PCM}, "output": {"format": PCM}}},
        ),
    ],
)
def test_session_update_is_completed(stage: Stage, update: object, session: object) -> None:
    assert sessions(stage, json.dumps({"session": update})) == [session]


def test_formats_are_declared_once_and_rates_told_to_the_engine(stage: Stage) -> None:
    messages = sent(
        stage,
        """
client:sessionUpdate({ session = { audio = { input = { format = { type = "audio/pcm", rate = 16000 } } } } })
client:sessionUpdate({ session = { instructions = "later" } })
client:sessionUpdate({ session = { audio = { output = { format = { type = "audio/pcm", rate = 44100.0 } } } } })
""",
    )
    assert [(message.input_rate, message.output_rate) for message in messages] == [
        (16000, 24000),
        (0, 0),
        (0, 44100),
    ]
    assert json.loads(messages[1].body) == {"session": {"type": "realtime", "instructions": "later"}}


@pytest.mark.parametrize("body", ["{}", '{"event_id":"e"}', '{"instructions":"no wrapper"}', '{"session":5}'])
def test_an_update_without_a_session_goes_as_it_is(stage: Stage, body: str) -> None:
    (message,) = sent(stage, f"client:sessionUpdate(JSON.decode('{body}'))")
    assert (message.body, message.input_rate, message.output_rate) == (body, 0, 0)


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ("{}", "{}"),
        ('{"event_id":"e"}', '{"event_id":"e"}'),
        ('{"instructions":"Hi"}', '{"response":{"instructions":"Hi"}}'),
        ('{"instructions":"Hi","event_id":"e"}', '{"event_id":"e","response":{"instructions":"Hi"}}'),
        ('{"response":{"instructions":"Hi"}}', '{"response":{"instructions":"Hi"}}'),
        ('{"response":null,"event_id":"e"}', '{"event_id":"e","response":null}'),
        ('{"response":{},"event_id":"e"}', '{"event_id":"e","response":{}}'),
        ('{"tools":[],"max_output_tokens":null}', '{"response":{"max_output_tokens":null,"tools":[]}}'),
    ],
)
def test_response_create_wraps_what_is_not_wrapped(stage: Stage, given: str, body: str) -> None:
    (message,) = sent(stage, f"client:responseCreate(JSON.decode('{given}'))")
    assert message.body == body


def test_the_scenarios_tables_stay_as_they_are(stage: Stage) -> None:
    sent(
        stage,
        """
local update = JSON.decode('{"type":"x","session":{"voice":"v","turn_detection":null,"audio":{"input":{"a":null}}}}')
local before = JSON.encode(update)
client:sessionUpdate(update)
local response = { type = "y", instructions = "i", event_id = "e" }
client:responseCreate(response)
print(JSON.encode(update) == before, JSON.encode(response))
""",
    )
    assert stage.said() == ['true\t{"event_id":"e","instructions":"i","type":"y"}']


BAD_RATE = "argument 1.session.audio.input.format.rate must be 8000, 16000, 24000, 44100 or 48000, got the "


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            '{ type = "audio/pcmu" }',
            'argument 1.session.audio.input.format.type must be "audio/pcm", got the string "audio/pcmu"',
        ),
        (
            "{ rate = '24000' }",
            BAD_RATE + 'string "24000"',
        ),
        (
            "{ rate = 0 }",
            BAD_RATE + "number 0",
        ),
        (
            "{ rate = 0.5 }",
            BAD_RATE + "number 0.5",
        ),
    ],
)
def test_a_format_that_the_call_cannot_carry_raises(stage: Stage, declared: str, message: str) -> None:
    sent(
        stage,
        f"""
local ok, err = pcall(client.sessionUpdate, client, {{ session = {{ audio = {{ input = {{ format = {declared} }} }} }} }})
print(err.message)
client:sessionUpdate({{ session = {{}} }})
""",
    )
    assert stage.said() == [f"client:sessionUpdate: {message}"]


def test_a_refused_update_declares_nothing(stage: Stage) -> None:
    messages = sent(
        stage,
        """
pcall(client.sessionUpdate, client, { session = { audio = { output = { format = { rate = 0 } } } } })
pcall(client.sessionUpdate, client, { session = { tools = { print } } })
client:sessionUpdate({ session = {} })
""",
    )
    assert [(message.input_rate, message.output_rate) for message in messages] == [(24000, 24000)]


def test_a_body_error_names_its_place(stage: Stage) -> None:
    sent(
        stage,
        """
local ok, err = pcall(client.conversationItemCreate, client, { item = { content = { { text = print } } } })
print(err.message)
""",
    )
    assert stage.said() == [
        "client:conversationItemCreate: item.content[1].text is a function, which JSON does not have"
    ]
