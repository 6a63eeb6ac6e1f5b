"""Contract of emulator/brain/responses.py."""

from __future__ import annotations

import numpy as np
import pytest

from unit.emulator.brain.support import Desk, Json, response_options
from voxruntime.emulator.brain.items import FunctionOutputItem, Message, TextPart
from voxruntime.emulator.brain.mcp_servers import McpServers
from voxruntime.emulator.brain.output_buffer import OutputBuffer
from voxruntime.emulator.brain.rejected import Code, Rejected
from voxruntime.emulator.brain.requests import Abandon, Requests, Synthesize
from voxruntime.emulator.brain.responder import Responder
from voxruntime.emulator.brain.response_options import Origin
from voxruntime.emulator.brain.responses import MAX_BESIDE, Responses
from voxruntime.emulator.brain.session_config import AudioFormat, AudioOutput
from voxruntime.emulator.dialogue import parse
from voxruntime.emulator.dialogue_run import DialogueRun

TALK = parse(
    """
    language = "ru-RU"
    voice = "marina"

    [state.a]
    say = "Welcome."
    no_match = "What?"
    barge_in = "Go on."

    [[state.a.expect]]
    phrases = ["one"]
    say = "First."
    """,
    "talk.toml",
)

NOBODY: frozenset[str] = frozenset()


class Stage:
    """All responses of a session, and what clients see of them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.desk = Desk()
        self.requests = Requests()
        responder = Responder(DialogueRun(TALK), self.desk.scribe.conversation)
        self.responses = Responses(
            TALK,
            responder,
            scribe=self.desk.scribe,
            mcp=McpServers(self.desk.scribe, self.requests),
            requests=self.requests,
            buffer=OutputBuffer(self.desk.scribe.outbox, is_told=False),
        )
        self._ids = 0

    def create(self, *, pending: frozenset[str] = NOBODY, **fields: object) -> None:
        self.responses.create(response_options(**fields), pending)
        self.responses.plan_waiting(pending, self.now)

    def rejected(self, **fields: object) -> Rejected:
        with pytest.raises(Rejected) as caught:
            self.create(**fields)
        return caught.value

    def write(self, text: str) -> str:
        self._ids += 1
        self.desk.scribe.conversation.add(Message(f"u{self._ids}", "user", [TextPart("input_text", text)]))
        return f"u{self._ids}"

    def asked(self) -> list[Synthesize]:
        return [request for request in self.requests.drain() if isinstance(request, Synthesize)]

    def speak(self, seconds: float = 1.0) -> None:
        """Delivers speech for what was asked for."""
        for request in self.asked():
            self.responses.synthesized(
                request.id, np.ones(int(8000 * seconds), dtype=np.int16), 8000, self.now
            )
            self.responses.synthesis_ended(request.id, 8000, self.now)
        self.responses.advance(NOBODY, self.now)

    def run(self) -> list[Json]:
        """Lets everything come to its end."""
        self.speak()
        while (due := self.responses.next_deadline()) is not None:
            self.now = due
            self.responses.advance(NOBODY, self.now)
            self.speak()
        return self.desk.events()


def statuses(events: list[Json]) -> list[str]:
    return [event["response"]["status"] for event in events if event["type"] == "response.done"]


def spoken(events: list[Json]) -> list[str]:
    return [event["transcript"] for event in events if event["type"].endswith("transcript.done")]


def test_response_asks_for_speech_in_the_dialogues_language_and_voice() -> None:
    stage = Stage()
    stage.create()
    [request] = stage.asked()
    assert (request.text, request.language, request.voice, request.speed) == (
        "Welcome.",
        "ru-RU",
        "marina",
        1.0,
    )


def test_voice_and_speed_of_the_session_come_first() -> None:
    stage = Stage()
    stage.create(output=AudioOutput(format=AudioFormat(rate=8000), voice="jane", speed=1.5))
    [request] = stage.asked()
    assert (request.voice, request.speed) == ("jane", 1.5)


def test_rate_limits_follow_the_creation() -> None:
    stage = Stage()
    stage.create()
    assert stage.desk.kinds() == ["response.created", "rate_limits.updated"]


def test_response_waits_for_what_it_answers() -> None:
    stage = Stage()
    item_id = stage.write("one")
    stage.create(pending=frozenset({item_id}))
    assert stage.asked() == []
    stage.responses.plan_waiting(NOBODY, 0.0)
    assert [request.text for request in stage.asked()] == ["First."]


def test_response_does_not_wait_for_what_came_later() -> None:
    stage = Stage()
    stage.write("one")
    stage.create()
    stage.responses.plan_waiting(frozenset({stage.write("later")}), 0.0)
    assert spoken(stage.run()) == ["First."]


def test_second_response_is_refused_and_names_the_first() -> None:
    stage = Stage()
    stage.create()
    created = stage.desk.events()[0]
    error = stage.rejected()
    assert error.code is Code.RESPONSE_ACTIVE
    assert created["response"]["id"] in error.message


def test_request_that_repeats_the_servers_own_is_taken_as_the_same() -> None:
    stage = Stage()
    stage.create(origin=Origin.TURN)
    stage.create()
    assert statuses(stage.run()) == ["completed"]


def test_request_with_metadata_is_its_own() -> None:
    stage = Stage()
    stage.create(origin=Origin.TURN)
    assert stage.rejected(metadata={"a": "b"}).code is Code.RESPONSE_ACTIVE


def test_request_is_refused_once_the_servers_own_has_spoken() -> None:
    stage = Stage()
    stage.create(origin=Origin.TURN)
    stage.speak()
    assert stage.rejected().code is Code.RESPONSE_ACTIVE


def test_request_after_a_function_output_waits_for_its_turn() -> None:
    stage = Stage()
    stage.create()
    stage.desk.scribe.conversation.add(FunctionOutputItem("o", "call_1", "42"))
    stage.create()
    assert not stage.responses.is_idle
    events = stage.run()
    assert statuses(events) == ["completed", "completed"]
    assert spoken(events) == ["Welcome.", "Хорошо."]
    assert stage.responses.is_idle


def test_turn_during_an_answer_is_answered_after_it() -> None:
    stage = Stage()
    stage.create()
    stage.write("one")
    stage.create(origin=Origin.TURN)
    assert spoken(stage.run()) == ["Welcome.", "First."]


def test_speech_interrupts_the_answer_and_what_waits_behind_it() -> None:
    stage = Stage()
    stage.create()
    stage.speak()
    stage.create(origin=Origin.TURN)
    stage.responses.interrupt(0.1, cancels=True)
    events = stage.run()
    assert statuses(events) == ["cancelled"]
    assert events[-1]["response"]["status_details"]["reason"] == "turn_detected"
    assert stage.responses.is_idle


def test_speech_that_does_not_cancel_lets_the_answer_go_on() -> None:
    stage = Stage()
    stage.create()
    stage.responses.interrupt(0.1, cancels=False)
    assert statuses(stage.run()) == ["completed"]


def test_interrupted_speech_is_not_made_any_more() -> None:
    stage = Stage()
    stage.create()
    [request] = stage.asked()
    stage.responses.interrupt(0.1, cancels=True)
    assert stage.requests.drain() == [Abandon(request.id)]
    stage.responses.synthesized(request.id, np.ones(8000, dtype=np.int16), 8000, 0.2)
    assert stage.desk.kinds()[-1] == "response.done"


def test_answer_that_was_never_heard_is_planned_again() -> None:
    stage = Stage()
    stage.write("one")
    stage.create()
    stage.responses.interrupt(0.1, cancels=True)
    stage.create(origin=Origin.TURN)
    assert spoken(stage.run()) == ["First."]


@pytest.mark.parametrize(("seconds", "answer"), [(0.5, "Go on."), (30.0, "What?")])
def test_words_into_audio_that_still_plays_are_an_interruption(seconds: float, answer: str) -> None:
    stage = Stage()
    stage.create()
    stage.run()
    stage.now = seconds
    stage.responses.interrupt(stage.now, cancels=True)
    stage.write("mumble")
    stage.create(origin=Origin.TURN)
    assert spoken(stage.run()) == [answer]


def test_audio_plays_until_its_end_or_until_it_is_cancelled() -> None:
    stage = Stage()
    stage.create()
    stage.run()
    assert stage.responses.plays_until == pytest.approx(1.0)
    stage.create()
    stage.speak(5.0)
    stage.responses.cancel(None, 0.3)
    assert stage.responses.plays_until == 0.3


def test_client_cancels_the_active_response_or_the_one_it_names() -> None:
    stage = Stage()
    stage.create()
    stage.create(in_conversation=False)
    active, beside = (event["response"]["id"] for event in stage.desk.events() if "response" in event)
    stage.responses.cancel(beside, 0.1)
    stage.responses.cancel(None, 0.1)
    cancelled = [event["response"]["id"] for event in stage.desk.events() if event["type"] == "response.done"]
    assert cancelled == [beside, active]


@pytest.mark.parametrize("response_id", [None, "resp_unknown"])
def test_nothing_to_cancel_is_an_error(response_id: str | None) -> None:
    with pytest.raises(Rejected) as caught:
        Stage().responses.cancel(response_id, 0.0)
    assert caught.value.code is Code.RESPONSE_NOT_ACTIVE


def test_responses_beside_the_conversation_run_at_the_same_time() -> None:
    stage = Stage()
    stage.create()
    stage.create(in_conversation=False)
    assert statuses(stage.run()) == ["completed", "completed"]


def test_responses_beside_the_conversation_are_bounded() -> None:
    stage = Stage()
    for _ in range(MAX_BESIDE):
        stage.create(in_conversation=False)
    assert stage.rejected(in_conversation=False).code is Code.RESPONSE_ACTIVE


def test_lost_voice_fails_the_response_and_the_next_one_may_come() -> None:
    stage = Stage()
    stage.write("one")
    stage.create()
    [request] = stage.asked()
    stage.responses.synthesis_failed(request.id, "gone")
    stage.responses.advance(NOBODY, 0.0)
    assert statuses(stage.desk.events()) == ["failed"]
    stage.create()
    assert spoken(stage.run()) == ["First."]


def test_voice_counts_as_heard_once_it_was_sent() -> None:
    stage = Stage()
    stage.create(modality="text")
    stage.run()
    assert not stage.responses.voice_was_heard
    stage.create()
    stage.run()
    assert stage.responses.voice_was_heard


def test_unknown_results_are_ignored() -> None:
    stage = Stage()
    stage.responses.synthesized(99, np.ones(8, dtype=np.int16), 8000, 0.0)
    stage.responses.synthesis_ended(99, 8000, 0.0)
    stage.responses.synthesis_failed(99, "gone")
    assert stage.desk.events() == []
