"""Contract of emulator/brain/response.py."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from unit.emulator.brain.support import Desk, Json, response_options
from voxruntime.emulator.brain.items import FunctionOutputItem
from voxruntime.emulator.brain.output_buffer import OutputBuffer
from voxruntime.emulator.brain.requests import Requests
from voxruntime.emulator.brain.responder import Plan
from voxruntime.emulator.brain.response import TRANSITIONS, Response, ResponseInput, ResponseState
from voxruntime.emulator.dialogue import Ending
from voxruntime.emulator.dialogue_run import Followup, Moment, PlannedCall

CALL = PlannedCall("f", '{"argument": "a long enough one"}', Followup())


class Stage:
    """One response and what clients see of it."""

    def __init__(self, **fields: object) -> None:
        self.desk = Desk()
        self.requests = Requests()
        self.called: list[tuple[str, PlannedCall]] = []
        self.desk.scribe.conversation.add(FunctionOutputItem("before", "call_0", "some text"))
        self.desk.events()
        self.response = Response(
            "resp_1",
            response_options(**fields),
            frozenset(),
            scribe=self.desk.scribe,
            requests=self.requests,
            buffer=OutputBuffer(self.desk.scribe.outbox, is_told=False),
            on_call=lambda call_id, call: self.called.append((call_id, call)),
        )

    def begin(self, say: str = "", *calls: PlannedCall, ending: Ending = "completed") -> None:
        self.response.open()
        plan = Plan(say, calls, ending, Moment("a", has_begun=True), frozenset())
        self.response.begin(plan, {}, 0.0)

    def speak(self, seconds: float, *, ends: bool = True) -> None:
        self.response.feed(np.ones(int(8000 * seconds), dtype=np.int16), 8000, 0.0)
        if ends:
            self.response.end_feed(8000, 0.0)

    def finish(self) -> list[Json]:
        while (due := self.response.next_deadline()) is not None:
            self.response.advance(due)
        return self.desk.events()


def done(events: list[Json]) -> Json:
    assert events[-1]["type"] == "response.done"
    return events[-1]["response"]


def test_created_response_is_empty_and_in_progress() -> None:
    stage = Stage(metadata={"a": "b"})
    stage.response.open()
    [created] = stage.desk.events()
    response = created["response"]
    assert (response["id"], response["status"], response["output"]) == ("resp_1", "in_progress", [])
    assert (response["usage"], response["status_details"], response["metadata"]) == (None, None, {"a": "b"})
    assert stage.response.is_waiting


def test_speech_is_sent_and_the_response_completed() -> None:
    stage = Stage()
    stage.begin("one two")
    assert stage.response.next_deadline() is None
    stage.speak(0.5)
    response = done(stage.finish())
    assert (response["status"], response["status_details"]) == ("completed", None)
    assert response["output"][0]["content"] == [{"type": "output_audio", "transcript": "one two"}]
    assert stage.response.is_over
    assert stage.response.has_spoken
    assert stage.response.plays_until == pytest.approx(0.5)


def test_usage_adds_up() -> None:
    stage = Stage()
    stage.begin("one two")
    stage.speak(0.5)
    used = done(stage.finish())["usage"]
    assert used["input_tokens"] == used["input_token_details"]["text_tokens"] > 0
    assert used["output_token_details"]["audio_tokens"] == 10
    assert used["total_tokens"] == used["input_tokens"] + used["output_tokens"]


def test_calls_and_the_end_come_in_one_batch() -> None:
    stage = Stage()
    stage.begin("", CALL, CALL)
    events = stage.desk.events()
    response = done(events)
    assert [item["type"] for item in response["output"]] == ["function_call", "function_call"]
    assert [event["output_index"] for event in events if event["type"] == "response.output_item.done"] == [
        0,
        1,
    ]
    assert [call for _, call in stage.called] == [CALL, CALL]
    assert [item["call_id"] for item in response["output"]] == [call_id for call_id, _ in stage.called]


def test_call_streams_its_arguments() -> None:
    stage = Stage()
    stage.begin("", CALL)
    events = stage.desk.events()
    kinds = [key for key, _ in itertools.groupby(event["type"] for event in events)]
    assert kinds == [
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    deltas = [event["delta"] for event in events if event["type"].endswith("arguments.delta")]
    assert len(deltas) > 1
    assert "".join(deltas) == CALL.arguments
    finished = next(event for event in events if event["type"].endswith("arguments.done"))
    assert (finished["name"], finished["arguments"]) == ("f", CALL.arguments)


def test_message_precedes_the_calls() -> None:
    stage = Stage()
    stage.begin("one", CALL)
    stage.speak(0.1)
    assert [item["type"] for item in done(stage.finish())["output"]] == ["message", "function_call"]


def test_items_beside_the_conversation_stay_out_of_it() -> None:
    stage = Stage(in_conversation=False)
    stage.begin("", CALL)
    events = stage.desk.events()
    assert done(events)["conversation_id"] is None
    assert not any(event["type"].startswith("conversation.") for event in events)


def test_written_response_needs_no_speech() -> None:
    stage = Stage(modality="text")
    stage.begin("one two")
    response = done(stage.finish())
    assert response["output"][0]["content"] == [{"type": "output_text", "text": "one two"}]
    assert not stage.response.has_spoken


def test_response_without_anything_to_say_completes() -> None:
    stage = Stage()
    stage.begin()
    assert done(stage.desk.events())["output"] == []


def test_cut_response_is_incomplete() -> None:
    stage = Stage()
    stage.begin("one", CALL, ending="max_output_tokens")
    stage.speak(0.1)
    response = done(stage.finish())
    assert response["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    assert [item["status"] for item in response["output"]] == ["incomplete"]


@pytest.mark.parametrize("reason", ["turn_detected", "client_cancelled"])
def test_cancelled_response_leaves_an_incomplete_item(reason: str) -> None:
    stage = Stage()
    stage.begin("one two three")
    stage.speak(2.0)
    stage.desk.events()
    stage.response.cancel(reason)
    events = stage.desk.events()
    response = done(events)
    assert (response["status"], response["status_details"]) == (
        "cancelled",
        {"type": "cancelled", "reason": reason},
    )
    assert [item["status"] for item in response["output"]] == ["incomplete"]
    assert not any(event["type"].endswith(".delta") for event in events)
    assert stage.response.next_deadline() is None


def test_response_cancelled_before_it_spoke_leaves_no_trace() -> None:
    stage = Stage()
    stage.begin("one")
    stage.speak(0.02, ends=False)
    assert not stage.response.has_output
    stage.response.cancel("turn_detected")
    assert [event["type"] for event in stage.desk.events()] == ["response.created", "response.done"]


def test_response_cancelled_while_it_waits() -> None:
    stage = Stage()
    stage.response.open()
    stage.response.cancel("client_cancelled")
    assert done(stage.desk.events())["status"] == "cancelled"


def test_failed_response_says_why() -> None:
    stage = Stage()
    stage.begin("one")
    stage.response.fail("speech_failed", "the voice is gone")
    details = done(stage.desk.events())["status_details"]
    assert (details["type"], details["error"]["message"]) == ("failed", "the voice is gone")


def test_speech_after_the_end_is_ignored() -> None:
    stage = Stage()
    stage.begin("one")
    stage.response.cancel("turn_detected")
    stage.desk.events()
    stage.speak(1.0)
    assert stage.desk.events() == []


def test_final_states_are_final() -> None:
    final = {ResponseState.COMPLETED, ResponseState.INCOMPLETE, ResponseState.CANCELLED, ResponseState.FAILED}
    assert not any(state in final for state, _ in TRANSITIONS)
    assert {step for _, step in TRANSITIONS} == set(ResponseInput)
    assert set(TRANSITIONS.values()) == final | {ResponseState.SPEAKING}
