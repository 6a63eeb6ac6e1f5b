"""Whole conversations in both dialects and at all rates, judged by the invariants of the protocol."""

from __future__ import annotations

import json
from collections.abc import Callable

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.emulator.driver import MCP, TOOLS, Driver, Latency
from voxruntime.audio.pcm import RATES
from voxruntime.audio.tones import dtmf
from voxruntime.audio.tonewords import decode
from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.brain.pace import Pace
from voxruntime.emulator.brain.requests import CallTool, ListTools, Recognize, Synthesize
from voxruntime.emulator.profiles import PROFILES, YANDEX

Script = Callable[[Driver], None]

REALTIME = Pace(delta_ms=20, times_realtime=1.0)


def greet(driver: Driver) -> None:
    driver.configure(audio={"input": {"transcription": {"model": "any"}}})
    driver.send("response.create", response={"metadata": {"topic": "greeting"}})
    driver.run(3)


def written_turns(driver: Driver) -> None:
    greet(driver)
    for text in ("hello", "next room", "go back", "unknown words", "balance", "goodbye"):
        driver.ask(text)


def spoken_turns(driver: Driver) -> None:
    greet(driver)
    for text in ("hello", "long story", "mumble"):
        driver.speak(text)
        driver.run(4)


def barge_in(driver: Driver) -> None:
    greet(driver)
    for pause in (0.2, 0.6, 1.2):
        driver.speak("long story", pause=0.5 + pause)
        driver.speak("hello")
    driver.run(5)


def cancels(driver: Driver) -> None:
    greet(driver)
    for wait in (0.0, 0.01, 0.03, 0.1, 0.4):
        driver.write("long story")
        driver.send("response.create")
        driver.run(wait)
        driver.send("response.cancel")
        driver.send("response.cancel", event_id="too late")


def functions(driver: Driver) -> None:
    greet(driver)
    for text in ("balance", "weather and time"):
        driver.ask(text)
        response = driver.of_type("response.done")[-1]["response"]
        for item in response["output"]:
            if item["type"] == "function_call":
                output = {
                    "type": "function_call_output",
                    "call_id": item["call_id"],
                    "output": '{"sky": "blue"}',
                }
                driver.send("conversation.item.create", item=output)
                driver.send("response.create")
        driver.run(3)


def extras(driver: Driver) -> None:
    greet(driver)
    driver.speak("my balance please")
    driver.run(5)
    driver.write("long story")
    driver.send("response.create")
    driver.run_until("response.output_audio.delta")
    driver.speak("hello")
    driver.stream(dtmf("12", driver.rate))
    driver.run(10)


def mcp(driver: Driver) -> None:
    greet(driver)
    driver.configure(tools=[MCP])
    driver.ask("price of tea")
    driver.configure(tools=[MCP, *TOOLS])
    driver.ask("everything")
    call = driver.of_type("response.function_call_arguments.done")[-1]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"time": "noon"}'}
    driver.send("conversation.item.create", item=output)
    driver.send("response.create")
    driver.run(5)
    driver.broken.add(CallTool)
    driver.ask("price of tea")
    driver.broken.clear()
    for approve in (True, False):
        driver.configure(tools=[{**MCP, "require_approval": "always"}])
        driver.ask("price of tea")
        [*_, request] = [
            event["item"]
            for event in driver.of_type("conversation.item.added")
            if event["item"]["type"] == "mcp_approval_request"
        ]
        answer = {"type": "mcp_approval_response", "approval_request_id": request["id"], "approve": approve}
        driver.send("conversation.item.create", item=answer)
        driver.send("conversation.item.create", item=answer)
        driver.run(5)
    driver.ask("price of tea")
    driver.speak("hello")
    driver.run(5)
    driver.broken.add(ListTools)
    driver.configure(tools=[{**MCP, "server_url": "http://other.test/"}])
    driver.ask("price of tea")


def edits(driver: Driver) -> None:
    greet(driver)
    driver.write("first", id="mine_1")
    driver.write("second", id="mine_2")
    driver.write("again", id="mine_1")
    content = [{"type": "input_text", "text": "between"}]
    for place in ("root", "mine_1", "nowhere"):
        item = {"type": "message", "role": "system", "content": content}
        driver.send("conversation.item.create", item=item, previous_item_id=place)
    driver.ask("hello")
    answer = driver.of_type("response.done")[-1]["response"]["output"][0]["id"]
    driver.send("conversation.item.truncate", item_id=answer, content_index=0, audio_end_ms=120)
    driver.send("conversation.item.retrieve", item_id=answer)
    driver.send("conversation.item.delete", item_id="mine_1")
    driver.send("conversation.item.retrieve", item_id="mine_1")
    driver.ask("hello")


def beside(driver: Driver) -> None:
    greet(driver)
    driver.write("long story")
    driver.send("response.create")
    given = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}]
    for modality in ("text", "audio"):
        driver.send(
            "response.create",
            response={
                "conversation": "none",
                "input": given,
                "output_modalities": [modality],
                "metadata": {"kind": modality},
            },
        )
    driver.run(10)


def manual_turns(driver: Driver) -> None:
    greet(driver)
    driver.configure(turn_detection=None)
    for text in ("hello", "balance"):
        driver.speak(text)
        driver.send("input_audio_buffer.commit")
        driver.send("response.create")
        driver.run(3)
    driver.speak("hello")
    driver.send("input_audio_buffer.clear")
    driver.send("input_audio_buffer.commit")


def silence(driver: Driver) -> None:
    greet(driver)
    driver.configure(turn_detection={"idle_timeout_ms": 2000})
    driver.write("hello")
    driver.send("response.create")
    driver.stream(driver.silence(8))


def limits_and_failures(driver: Driver) -> None:
    greet(driver)
    driver.ask("long story", max_output_tokens=3)
    driver.broken |= {Synthesize, Recognize}
    driver.ask("long story")
    driver.speak("hello")
    driver.run(3)


def changes_on_the_way(driver: Driver) -> None:
    greet(driver)
    for rate in (16000, 8000, 24000):
        driver.rate = rate
        driver.configure()
        driver.speak("hello", pause=0.3)
        driver.configure(turn_detection=None)
        driver.speak("hello", pause=0.3)
        driver.configure(turn_detection={"silence_duration_ms": 300})
        driver.speak("hello")
        driver.run(2)


SCRIPTS: list[Script] = [
    written_turns,
    spoken_turns,
    barge_in,
    cancels,
    functions,
    mcp,
    edits,
    beside,
    manual_turns,
    silence,
    limits_and_failures,
    changes_on_the_way,
]


def name(script: Script) -> str:
    return script.__name__


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("pace", [Pace(), REALTIME], ids=["fast", "realtime"])
def test_traffic_keeps_the_invariants(profile: str, script: Script, pace: Pace) -> None:
    driver = Driver(PROFILES[profile], behaviour=Behaviour(pace=pace))
    script(driver)
    driver.assert_sound()


EVERYTHING = Behaviour(
    transcription_deltas=True,
    transcription_segments=True,
    output_buffer_events=True,
    spoken_text="transcript",
)


@pytest.mark.parametrize("script", [*SCRIPTS, extras], ids=name)
def test_optional_events_keep_the_invariants(script: Script) -> None:
    driver = Driver(behaviour=EVERYTHING)
    script(driver)
    driver.assert_sound()


@pytest.mark.parametrize("script", SCRIPTS, ids=name)
def test_slow_engines_change_nothing_about_it(script: Script) -> None:
    driver = Driver(latency=Latency(recognition=0.9, synthesis=0.7))
    script(driver)
    driver.assert_sound()


@pytest.mark.parametrize("rate", RATES)
def test_answer_is_heard_at_every_rate(rate: int) -> None:
    driver = Driver(YANDEX, rate=rate)
    greet(driver)
    driver.speak("hello")
    driver.run(3)
    for done in driver.of_type("response.done"):
        [item] = done["response"]["output"]
        heard = decode(driver.audio_of(done["response"]["id"]), rate)
        assert heard == item["content"][0]["transcript"]
    driver.assert_sound()


EVENT_TYPES = {
    "error",
    *(f"session.{step}" for step in ("created", "updated")),
    *(f"conversation.item.{step}" for step in ("added", "done", "retrieved", "truncated", "deleted")),
    *(
        f"conversation.item.input_audio_transcription.{step}"
        for step in ("completed", "delta", "segment", "failed")
    ),
    *(
        f"input_audio_buffer.{step}"
        for step in ("committed", "cleared", "speech_started", "speech_stopped", "timeout_triggered")
    ),
    "input_audio_buffer.dtmf_event_received",
    *(f"output_audio_buffer.{step}" for step in ("started", "stopped", "cleared")),
    *(f"response.{step}" for step in ("created", "done")),
    *(f"response.{part}.{step}" for part in ("output_item", "content_part") for step in ("added", "done")),
    *(
        f"response.{stream}.{step}"
        for stream in ("output_text", "output_audio_transcript", "output_audio")
        for step in ("delta", "done")
    ),
    *(
        f"response.{kind}_arguments.{step}"
        for kind in ("function_call", "mcp_call")
        for step in ("delta", "done")
    ),
    *(f"response.mcp_call.{step}" for step in ("in_progress", "completed", "failed")),
    *(f"mcp_list_tools.{step}" for step in ("in_progress", "completed", "failed")),
    "rate_limits.updated",
}
"""What a server sends, but for the two that only one of the providers has."""

OWN_EVENTS = {"yandex": {"conversation.item.created"}, "openai": {"conversation.created"}}


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_every_event_of_the_protocol_is_reached_and_no_other(profile: str) -> None:
    seen = set()
    for spoken_text in ("text", "transcript"):
        behaviour = msgspec.structs.replace(EVERYTHING, spoken_text=spoken_text)
        driver = Driver(PROFILES[profile], behaviour=behaviour)
        for script in (*SCRIPTS, extras):
            script(driver)
            driver.broken.clear()
            driver.configure(tools=TOOLS)
        seen |= {event["type"] for event in driver.events}
    assert len(EVENT_TYPES) == 44
    assert seen == EVENT_TYPES | OWN_EVENTS[profile]


# Clients that send anything


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)

CLIENT_TYPES = [
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "output_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "conversation.item.delete",
    "response.create",
    "response.cancel",
]

FIELDS = {
    "session": st.dictionaries(
        st.sampled_from(["audio", "tools", "turn_detection", "voice", "output_modalities", "tool_choice"]),
        JSON,
    ),
    "audio": st.binary(max_size=40).map(lambda octets: json.dumps(octets.hex())) | st.text(max_size=9),
    "item": st.fixed_dictionaries(
        {"type": st.sampled_from(["message", "function_call", "function_call_output", "x"])},
        optional={
            "id": st.text(max_size=3),
            "role": st.sampled_from(["user", "assistant", "system", "x"]),
            "content": st.lists(
                st.fixed_dictionaries(
                    {"type": st.sampled_from(["input_text", "input_audio", "output_text"])},
                    optional={"text": st.text(max_size=9), "audio": st.text(max_size=9)},
                )
            ),
            "call_id": st.text(max_size=3),
            "output": st.text(max_size=9),
        },
    ),
    "item_id": st.text(max_size=3),
    "previous_item_id": st.text(max_size=3) | st.just("root"),
    "content_index": st.integers(-2, 2),
    "audio_end_ms": st.integers() | st.floats(allow_nan=False),
    "response": st.dictionaries(
        st.sampled_from(
            ["conversation", "instructions", "metadata", "output_modalities", "audio", "input", "tools"]
        ),
        JSON | st.just("none"),
    ),
    "response_id": st.text(max_size=3),
    "event_id": PLAIN,
}

EVENTS = st.fixed_dictionaries({"type": st.sampled_from(CLIENT_TYPES)}, optional=FIELDS)
GARBLED = st.fixed_dictionaries(
    {"type": st.sampled_from(CLIENT_TYPES) | PLAIN}, optional=dict.fromkeys(FIELDS, JSON)
)


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(PROFILES)),
    st.lists(st.tuples(EVENTS | GARBLED | JSON, st.sampled_from([0.0, 0.0, 0.05, 1.0])), max_size=12),
)
def test_no_event_breaks_the_session(profile: str, events: list[tuple[object, float]]) -> None:
    driver = Driver(PROFILES[profile])
    for event, wait in events:
        driver.send_text(json.dumps(event))
        driver.run(wait)
    driver.send("response.cancel")
    driver.run(5)
    driver.rate = 8000
    driver.configure(turn_detection=None, output_modalities=["audio"])
    driver.send("response.create", response={"instructions": "say: Still here."})
    driver.run(30)
    assert driver.brain.closing() is None
    assert driver.transcripts()[-1] == "Still here."
    driver.assert_sound()


@given(st.text(max_size=40), st.binary(max_size=40))
def test_what_is_no_event_is_answered_by_one_error(text: str, octets: bytes) -> None:
    driver = Driver()
    for frame in (text, octets.decode("latin-1")):
        assert [event["type"] for event in driver.send_text(frame)] == ["error"]


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.floats(0, 0.6), st.floats(0.0, 1.2)), max_size=6),
    st.sampled_from(
        [None, "response.cancel", "input_audio_buffer.commit", "input_audio_buffer.clear", "response.create"]
    ),
    st.sampled_from([0.0, 0.3]),
)
def test_any_rhythm_of_speech_keeps_the_invariants(
    speech: list[tuple[float, float]], event: str | None, latency: float
) -> None:
    driver = Driver(behaviour=Behaviour(pace=REALTIME), latency=Latency(latency, latency))
    greet(driver)
    for loud, quiet in speech:
        tone = np.rint(9000 * np.sin(np.arange(int(8000 * loud)) * 0.35)).astype(np.int16)
        driver.stream(np.concatenate((tone, driver.silence(quiet))))
        if event:
            driver.send(event)
    driver.run(10)
    driver.assert_sound()
