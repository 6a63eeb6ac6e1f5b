"""The sequence checker finds what is wrong: each invariant is broken once in traffic that was right."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable

import pytest

from conformance.emulator.driver import Driver
from conformance.emulator.invariants import Frame, check
from conformance.emulator.test_sequences import (
    EVERYTHING,
    barge_in,
    beside,
    edits,
    extras,
    functions,
    greet,
    mcp,
    silence,
)
from voxruntime.emulator.profiles import OPENAI, YANDEX

Json = dict[str, object]
Change = Callable[[list[Json]], object]


def recorded(script: Callable[[Driver], None]) -> list[Json]:
    """Returns the events of a script, those of the client marked."""
    return [
        {**json.loads(text), "_client": True} if sender == "client" else json.loads(text)
        for sender, text in played(script)
    ]


@functools.cache
def played(script: Callable[[Driver], None]) -> list[tuple[str, str]]:
    driver = Driver(YANDEX, behaviour=EVERYTHING if script is extras else None)
    script(driver)
    assert check(driver.traffic, "yandex", driver.spoken_text) == []
    return [(frame.sender, frame.text) for frame in driver.traffic]


def judged(events: list[Json], spoken_text: str) -> list[str]:
    frames = []
    for number, event in enumerate(events):
        is_client = event.pop("_client", False)
        at = float(event.pop("_at", number * 0.001))
        frames.append(Frame("client" if is_client else "server", json.dumps(event), at))
    return check(frames, "yandex", spoken_text)


def first(events: list[Json], event_type: str) -> Json:
    return next(event for event in events if event["type"] == event_type and "_client" not in event)


def last(events: list[Json], event_type: str) -> Json:
    return first(events[::-1], event_type)


def put(event_type: str, *path: str, value: object) -> Change:
    """Makes a change of one field of the first event of a type."""

    def change(events: list[Json]) -> None:
        target = first(events, event_type)
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return change


def drop(event_type: str) -> Change:
    return lambda events: events.remove(first(events, event_type))


def repeat(event_type: str) -> Change:
    def change(events: list[Json]) -> None:
        event = first(events, event_type)
        events.insert(events.index(event) + 1, {**event, "event_id": "event_again"})

    return change


def move_to_end(event_type: str) -> Change:
    def change(events: list[Json]) -> None:
        event = first(events, event_type)
        events.remove(event)
        events.append(event)

    return change


def delay_audio(events: list[Json]) -> None:
    for event in events[events.index(last(events, "response.output_audio.delta")) :]:
        event["_at"] = 1e6


def same_event_id(events: list[Json]) -> None:
    events[-1]["event_id"] = events[-2]["event_id"]


def add_key(event_type: str, *path: str) -> Change:
    return put(event_type, *path, value="AAAA")


def claim_conversation(events: list[Json]) -> None:
    for event in events:
        response = event.get("response")
        if isinstance(response, dict) and "_client" not in event:
            response["conversation_id"] = "conv_x"


def retrieve_deleted(events: list[Json]) -> None:
    deleted = last(events, "conversation.item.deleted")["item_id"]
    events.append({**last(events, "conversation.item.retrieved"), "event_id": "event_x"})
    events[-1]["item"] = {**events[-1]["item"], "id": deleted}


def leave_transcript(events: list[Json]) -> None:
    last(events, "conversation.item.retrieved")["item"]["content"][0]["transcript"] = "all of it"


def name_in_conversation(events: list[Json]) -> None:
    outside = next(
        event["response"]["id"]
        for event in events
        if event["type"] == "response.created" and event["response"]["conversation_id"] is None
    )
    added = next(
        event
        for event in events
        if event["type"] == "response.output_item.added" and event["response_id"] == outside
    )
    events.insert(
        events.index(added) + 1,
        {
            "type": "conversation.item.added",
            "event_id": "event_x",
            "previous_item_id": None,
            "item": added["item"],
        },
    )


CASES: list[tuple[int, Callable[[Driver], None], Change]] = [
    (1, greet, same_event_id),
    (1, greet, put("session.updated", "event_id", value="7")),
    (1, greet, put("response.output_item.added", "item", "id", value="x")),
    (1, functions, put("response.function_call_arguments.done", "event_id", value=None)),
    (2, greet, repeat("session.created")),
    (2, greet, drop("session.created")),
    (2, greet, put("session.updated", "session", "id", value="sess_other")),
    (3, barge_in, put("input_audio_buffer.speech_stopped", "item_id", value="item_other")),
    (3, barge_in, put("input_audio_buffer.committed", "item_id", value="item_other")),
    (4, edits, put("conversation.item.done", "previous_item_id", value="item_other")),
    (4, edits, put("conversation.item.added", "previous_item_id", value="item_other")),
    (4, barge_in, put("input_audio_buffer.committed", "previous_item_id", value=None)),
    (5, greet, drop("response.output_item.added")),
    (5, greet, drop("response.content_part.done")),
    (5, greet, repeat("response.done")),
    (5, greet, move_to_end("response.output_audio.delta")),
    (5, functions, put("response.output_item.added", "output_index", value=3)),
    (5, extras, repeat("output_audio_buffer.started")),
    (5, extras, repeat("output_audio_buffer.cleared")),
    (5, extras, drop("output_audio_buffer.started")),
    (5, extras, put("output_audio_buffer.stopped", "response_id", value="resp_x")),
    (6, extras, drop("conversation.item.input_audio_transcription.delta")),
    (6, extras, put("input_audio_buffer.dtmf_event_received", "event", value="9")),
    (12, extras, put("conversation.item.input_audio_transcription.segment", "end", value=-1.0)),
    (12, extras, put("input_audio_buffer.dtmf_event_received", "timestamp_ms", value=1e6)),
    (16, extras, put("conversation.item.input_audio_transcription.delta", "content_index", value=1)),
    (16, extras, put("conversation.item.input_audio_transcription.segment", "content_index", value=1)),
    (5, mcp, put("mcp_list_tools.in_progress", "item_id", value="item_1")),
    (5, mcp, drop("mcp_list_tools.in_progress")),
    (5, mcp, repeat("mcp_list_tools.in_progress")),
    (5, mcp, repeat("mcp_list_tools.completed")),
    (5, mcp, drop("response.mcp_call.in_progress")),
    (5, mcp, repeat("response.mcp_call.in_progress")),
    (5, mcp, drop("response.mcp_call.completed")),
    (5, mcp, put("response.mcp_call.completed", "output_index", value=9)),
    (5, mcp, move_to_end("response.mcp_call.failed")),
    (6, mcp, drop("response.mcp_call_arguments.delta")),
    (5, greet, put("response.content_part.added", "part", "type", value="audio")),
    (6, greet, drop("response.output_text.delta")),
    (6, greet, put("response.output_audio_transcript.done", "transcript", value="other")),
    (6, functions, drop("response.function_call_arguments.delta")),
    (6, greet, put("response.output_audio.delta", "delta", value="AAAA")),
    (7, greet, put("response.created", "response", "usage", value={})),
    (7, greet, put("response.done", "response", "status", value="in_progress")),
    (7, greet, put("response.done", "response", "status_details", value={"type": "cancelled"})),
    (7, greet, put("response.done", "response", "usage", "total_tokens", value=-1)),
    (8, greet, put("conversation.item.done", "item", "status", value="in_progress")),
    (9, greet, put("response.done", "response", "output", value=[])),
    (10, beside, claim_conversation),
    (10, beside, name_in_conversation),
    (11, greet, put("response.done", "response", "metadata", value=None)),
    (11, greet, put("response.created", "response", "metadata", value={"no": "body"})),
    (11, greet, put("response.output_text.delta", "type", value="response.output_audio_transcript.delta")),
    (12, barge_in, put("input_audio_buffer.speech_started", "audio_start_ms", value=1.5)),
    (12, barge_in, put("input_audio_buffer.speech_stopped", "audio_end_ms", value=0)),
    (12, silence, put("input_audio_buffer.timeout_triggered", "audio_end_ms", value=0)),
    (13, edits, leave_transcript),
    (14, edits, retrieve_deleted),
    (15, edits, put("error", "error", value={"message": "x"})),
    (15, edits, put("error", "error", "event_id", value="never sent")),
    (16, barge_in, put("conversation.item.input_audio_transcription.completed", "content_index", value=1)),
    (17, greet, put("session.updated", "session", "audio", "input", "format", value={"rate": None})),
    (18, greet, delay_audio),
    (18, greet, put("response.output_audio.delta", "delta", value="AAAA" * 2000)),
    (19, greet, put("session.updated", "session", "instructions", value="x" * 2**20)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "script", "change"), CASES, ids=[f"{at}-invariant-{case[0]}" for at, case in enumerate(CASES)]
)
def test_broken_invariant_is_found(number: int, script: Callable[[Driver], None], change: Change) -> None:
    events = recorded(script)
    change(events)
    spoken_text = EVERYTHING.spoken_text if script is extras else "profile"
    assert any(found.startswith(f"{number}:") for found in judged(events, spoken_text))


def test_profiles_are_not_mixed_up() -> None:
    driver = Driver(OPENAI)
    greet(driver)
    assert check(driver.traffic, "openai") == []
    assert check(driver.traffic, "yandex") != []
