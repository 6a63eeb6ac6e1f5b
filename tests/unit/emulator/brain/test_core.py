"""Contract of emulator/brain/core.py: whole sequences, fed as a client sends them."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from conformance.emulator.driver import DIALOGUE, MODEL, Driver, Latency, kinds
from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.brain.core import Close
from voxruntime.emulator.brain.pace import Pace
from voxruntime.emulator.brain.requests import DetectVoice, Recognize, Synthesize
from voxruntime.emulator.profiles import OPENAI, YANDEX

SPOKEN = [
    "response.output_item.added",
    "conversation.item.created",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


def greeted(driver: Driver) -> Driver:
    driver.configure()
    driver.send("response.create")
    driver.run(3)
    return driver


def last_response(driver: Driver) -> dict[str, object]:
    return driver.of_type("response.done")[-1]["response"]


def error_codes(driver: Driver) -> list[str]:
    return [event["error"]["code"] for event in driver.of_type("error")]


def silent_for(driver: Driver, seconds: float) -> list[dict[str, object]]:
    return driver.stream(driver.silence(seconds))


def test_session_is_told_before_anything_is_asked() -> None:
    [event] = Driver().events
    assert event["type"] == "session.created"
    assert event["session"]["model"] == MODEL


def test_openai_names_the_conversation_too() -> None:
    assert kinds(Driver(OPENAI).events) == ["session.created", "conversation.created"]


def test_bare_model_name_is_refused_after_the_upgrade() -> None:
    driver = Driver(model="speech-realtime")
    assert error_codes(driver) == ["invalid_model"]
    assert driver.brain.closing() == Close(
        1008, "The model 'speech-realtime' is no URI of the form gpt://<folder>/<model>."
    )
    assert driver.send("response.create") == []
    assert Driver(OPENAI, model="gpt-realtime").brain.closing() is None


def test_update_is_answered_with_the_effective_session() -> None:
    driver = Driver(rate=16000)
    [updated] = driver.configure(instructions="Be brief.")
    assert updated["session"]["instructions"] == "Be brief."
    assert updated["session"]["audio"]["input"]["format"]["rate"] == 16000
    assert updated["session"]["id"] == driver.events[0]["session"]["id"]


def test_first_response_greets() -> None:
    driver = Driver()
    driver.configure()
    driver.send("response.create")
    assert kinds(driver.run(3)) == SPOKEN
    assert driver.transcripts() == ["Welcome to the desk."]


def test_instructions_may_give_the_words() -> None:
    driver = Driver()
    driver.send("response.create", response={"instructions": 'Greet with "Good day, Ann."'})
    driver.run(3)
    assert driver.transcripts() == ["Good day, Ann."]


def test_spoken_turn_is_understood_and_answered() -> None:
    driver = greeted(Driver())
    assert kinds(driver.speak("hello")) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.created",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "rate_limits.updated",
        "conversation.item.input_audio_transcription.completed",
        *SPOKEN,
    ]
    assert driver.transcripts()[-1] == "Hello to you."


def test_recogniser_is_offered_the_phrases_of_the_state() -> None:
    driver = greeted(Driver())
    driver.speak("next room")
    driver.run(3)
    driver.speak("go back")
    first, second = [request for request in driver.requests if isinstance(request, Recognize)]
    assert first.phrases == DIALOGUE.phrases("desk")
    assert second.phrases == DIALOGUE.phrases("room")


def test_sound_without_words_is_no_match() -> None:
    driver = greeted(Driver())
    hum = np.rint(8000 * np.sin(np.arange(4000) * 0.3)).astype(np.int16)
    driver.stream(np.concatenate((driver.silence(2), hum, driver.silence(1))))
    driver.run(3)
    assert driver.transcripts()[-1] == "Pardon me?"


def test_lost_recogniser_is_told_and_taken_as_no_match() -> None:
    driver = greeted(Driver())
    driver.broken.add(Recognize)
    driver.run(3)
    driver.speak("hello")
    driver.run(3)
    assert len(driver.of_type("conversation.item.input_audio_transcription.failed")) == 1
    assert driver.transcripts()[-1] == "Pardon me?"


def test_lost_voice_fails_the_response() -> None:
    driver = Driver()
    driver.broken.add(Synthesize)
    driver.ask("hello")
    assert last_response(driver)["status"] == "failed"
    driver.assert_sound()


def test_openai_tells_transcripts_only_when_asked() -> None:
    silent, told = greeted(Driver(OPENAI)), Driver(OPENAI)
    told.configure(audio={"input": {"transcription": {"model": "any"}}})
    for driver in (silent, told):
        driver.speak("hello")
        driver.run(3)
    name = "conversation.item.input_audio_transcription.completed"
    assert (len(silent.of_type(name)), len(told.of_type(name))) == (0, 1)


def test_written_turn_is_answered_when_asked_for() -> None:
    driver = greeted(Driver())
    assert kinds(driver.write("hello")) == [
        "conversation.item.created",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert driver.run(5) == []
    driver.send("response.create")
    driver.run(3)
    assert driver.transcripts()[-1] == "Hello to you."


def test_text_modality() -> None:
    driver = Driver()
    driver.configure(output_modalities=["text"])
    events = driver.ask("hello")
    assert "response.output_audio.delta" not in kinds(events)
    assert [event["text"] for event in driver.of_type("response.output_text.done")] == ["Hello to you."]


def test_commit_alone_starts_no_response() -> None:
    driver = Driver()
    driver.configure(audio={"input": {"turn_detection": None}})
    driver.speak("hello")
    assert kinds(driver.send("input_audio_buffer.commit"))[0] == "input_audio_buffer.committed"
    assert "response.created" not in kinds(driver.run(3))
    driver.send("response.create")
    driver.run(3)
    assert driver.transcripts() == ["Hello to you."]


def test_response_asked_for_at_once_waits_for_the_recogniser() -> None:
    driver = Driver(latency=Latency(recognition=2.0))
    driver.configure(audio={"input": {"turn_detection": None}})
    driver.speak("hello")
    driver.send("input_audio_buffer.commit")
    driver.send("response.create")
    assert driver.run(1.5) == []
    driver.run(3)
    assert driver.transcripts() == ["Hello to you."]


def test_turns_may_be_left_to_the_client() -> None:
    driver = Driver()
    driver.configure(turn_detection={"create_response": False})
    driver.speak("hello")
    assert driver.of_type("response.created") == []
    assert len(driver.of_type("input_audio_buffer.committed")) == 1


def test_audio_in_an_item_is_recognised() -> None:
    driver = greeted(Driver())
    driver.configure(turn_detection=None)
    driver.speak("next room", pause=0.1)
    pieces = [json.loads(frame.text) for frame in driver.traffic if "input_audio_buffer.append" in frame.text]
    whole = np.concatenate([np.frombuffer(base64.b64decode(piece["audio"]), dtype="<i2") for piece in pieces])
    content = [{"type": "input_audio", "audio": base64.b64encode(whole.tobytes()).decode()}]
    driver.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    driver.send("response.create")
    driver.run(3)
    assert driver.transcripts()[-1] == "This way. You are in the room."


def test_speech_cancels_the_answer_and_comes_first() -> None:
    driver = greeted(Driver(behaviour=Behaviour(pace=Pace(times_realtime=1.0))))
    driver.speak("long story")
    driver.run(1)
    events = driver.speak("hello", pause=0.1)
    names = kinds(events)
    started, done = names.index("input_audio_buffer.speech_started"), names.index("response.done")
    assert started < done
    assert not any(name.endswith(".delta") for name in names[started:])
    assert last_response(driver)["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    silent_for(driver, 3)
    assert driver.transcripts()[-1] == "Hello to you."


def test_interruption_that_says_nothing_known_gets_its_own_reaction() -> None:
    driver = greeted(Driver(behaviour=Behaviour(pace=Pace(times_realtime=1.0))))
    driver.speak("long story")
    driver.run(1)
    driver.speak("mumble")
    driver.run(3)
    assert driver.transcripts()[-1] == "Yes please?"


def test_speech_may_be_forbidden_to_interrupt() -> None:
    driver = greeted(Driver(behaviour=Behaviour(pace=Pace(times_realtime=1.0))))
    driver.configure(turn_detection={"interrupt_response": False})
    driver.speak("long story")
    driver.speak("hello")
    driver.run(30)
    assert [event["response"]["status"] for event in driver.of_type("response.done")] == ["completed"] * 3
    assert driver.transcripts()[-1] == "Hello to you."
    driver.assert_sound()


def test_sentence_with_a_pause_is_understood_as_one() -> None:
    driver = greeted(Driver(latency=Latency(recognition=0.3)))
    driver.speak("weather and", pause=0.45)
    driver.speak("time")
    driver.run(5)
    assert [item["name"] for item in last_response(driver)["output"]] == ["get_weather", "get_time"]
    driver.assert_sound()


def test_client_cancels() -> None:
    driver = Driver()
    driver.write("long story")
    driver.send("response.create")
    driver.run(0.3)
    assert kinds(driver.send("response.cancel"))[-1] == "response.done"
    assert last_response(driver)["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    assert driver.run(5) == []


def test_function_call_round_trip() -> None:
    driver = greeted(Driver())
    driver.ask("balance")
    call = last_response(driver)["output"][1]
    assert (call["name"], json.loads(call["arguments"])) == (
        "get_balance",
        {"account": "main", "asked": "balance"},
    )
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"amount": 12}'}
    driver.send("conversation.item.create", item=output)
    driver.send("response.create")
    driver.run(3)
    assert driver.transcripts()[-1] == "You have 12 euro."


def test_calls_are_answered_one_by_one_as_official_samples_do() -> None:
    driver = greeted(Driver())
    driver.ask("weather and time")
    sky, time = last_response(driver)["output"]
    for call, output in ((sky, '{"sky": "blue"}'), (time, '{"time": "noon"}')):
        item = {"type": "function_call_output", "call_id": call["call_id"], "output": output}
        driver.send("conversation.item.create", item=item)
        driver.send("response.create")
    driver.run(5)
    assert driver.transcripts()[-2:] == ["All right.", "It is blue at noon."]
    assert error_codes(driver) == []
    driver.assert_sound()


def test_dialogue_ends_with_words_alone_where_no_function_is_declared() -> None:
    driver = Driver()
    driver.ask("goodbye")
    assert [item["type"] for item in last_response(driver)["output"]] == ["message"]
    driver.configure()
    driver.ask("goodbye")
    assert [item["type"] for item in last_response(driver)["output"]] == ["message", "function_call"]


def test_response_beside_the_conversation() -> None:
    driver = greeted(Driver())
    driver.ask("hello", conversation="none", output_modalities=["text"], metadata={"topic": "x"})
    response = last_response(driver)
    assert (response["conversation_id"], response["metadata"]) == (None, {"topic": "x"})
    assert response["output"][0]["content"] == [{"type": "output_text", "text": "Hello to you."}]
    driver.assert_sound()


def test_limit_of_tokens_leaves_the_response_incomplete() -> None:
    driver = Driver()
    driver.ask("hello", max_output_tokens=1)
    assert last_response(driver)["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
    driver.assert_sound()


def test_truncated_answer_is_remembered_as_it_was_heard() -> None:
    driver = greeted(Driver())
    item_id = last_response(driver)["output"][0]["id"]
    [truncated] = driver.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=250
    )
    assert (truncated["item_id"], truncated["audio_end_ms"]) == (item_id, 250)
    [retrieved] = driver.send("conversation.item.retrieve", item_id=item_id)
    part = retrieved["item"]["content"][0]
    assert (len(base64.b64decode(part["audio"])), part["transcript"]) == (4000, None)


def test_deleted_item_is_gone() -> None:
    driver = greeted(Driver())
    item_id = last_response(driver)["output"][0]["id"]
    assert kinds(driver.send("conversation.item.delete", item_id=item_id)) == ["conversation.item.deleted"]
    assert kinds(driver.send("conversation.item.delete", item_id=item_id)) == ["error"]
    assert driver.write("x")[0]["previous_item_id"] is None


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty", None),
        ({"type": "input_audio_buffer.append", "audio": "AAA"}, "invalid_value", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "A" * 400}, "string_above_max_length", "audio"),
        ({"type": "output_audio_buffer.clear"}, "invalid_value", "type"),
        ({"type": "response.cancel"}, "response_cancel_not_active", None),
        (
            {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": ""}},
            "invalid_tool_call_id",
            "item.call_id",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x" * 300_000}]},
            },
            "string_above_max_length",
            "item",
        ),
        ({"type": "conversation.item.retrieve", "item_id": "x"}, "item_retrieve_invalid_item_id", None),
        ({"type": "session.update", "session": {"audio": 1}}, "invalid_type", "session.audio"),
        ({"type": "response.create", "response": {"tools": 1}}, "invalid_type", "response.tools"),
    ],
)  # fmt: skip
def test_bad_event_is_answered_by_an_error_alone(
    event: dict[str, object], code: str, param: str | None
) -> None:
    driver = Driver(behaviour=Behaviour(max_append_bytes=200))
    [answer] = driver.send_text(json.dumps({"event_id": "mine", **event}))
    assert answer["type"] == "error"
    assert (answer["error"]["code"], answer["error"]["param"]) == (code, param)
    assert answer["error"]["event_id"] == "mine"
    assert driver.brain.closing() is None


def test_binary_frames_are_answered_by_an_error() -> None:
    driver = Driver()
    driver.brain.receive_binary(now=0.0)
    [text] = driver.brain.outgoing()
    assert json.loads(text)["error"]["code"] == "invalid_event"


def test_second_response_is_an_error_and_the_first_goes_on() -> None:
    driver = Driver()
    driver.send("response.create")
    driver.send("response.create")
    driver.run(3)
    assert error_codes(driver) == ["conversation_already_has_active_response"]
    assert last_response(driver)["status"] == "completed"


def test_openai_locks_the_voice_once_it_was_heard() -> None:
    driver = greeted(Driver(OPENAI))
    driver.configure(audio={"output": {"voice": "coral"}})
    assert error_codes(driver) == ["cannot_update_voice"]
    free = greeted(Driver(YANDEX))
    free.configure(audio={"output": {"voice": "jane"}})
    assert error_codes(free) == []


def test_yandex_takes_no_words_of_the_assistant() -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
    assert kinds(Driver(YANDEX).send("conversation.item.create", item=item)) == ["error"]
    assert kinds(Driver(OPENAI).send("conversation.item.create", item=item))[-1] == "conversation.item.done"


def test_clear_forgets_what_was_said() -> None:
    driver = Driver()
    driver.configure(turn_detection=None)
    driver.speak("hello")
    assert kinds(driver.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert kinds(driver.send("input_audio_buffer.commit")) == ["error"]


def test_silence_is_broken_after_the_answer_has_been_played() -> None:
    driver = Driver()
    driver.configure(turn_detection={"idle_timeout_ms": 3000})
    driver.send("response.create")
    events = silent_for(driver, 8)
    names = kinds(events)
    at = names.index("input_audio_buffer.timeout_triggered")
    assert names[at : at + 6] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.created",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    triggered = driver.of_type("input_audio_buffer.timeout_triggered")[0]
    assert triggered["audio_end_ms"] - triggered["audio_start_ms"] == pytest.approx(3000, abs=100)
    assert driver.transcripts()[1] == "Still there?"
    driver.assert_sound()


def test_speech_keeps_the_silence_from_being_broken() -> None:
    driver = Driver()
    driver.configure(turn_detection={"idle_timeout_ms": 3000, "create_response": False})
    driver.send("response.create")
    driver.run(1)
    silent_for(driver, 1.5)
    driver.speak("hello")
    silent_for(driver, 8)
    assert driver.of_type("input_audio_buffer.timeout_triggered") == []


def test_silence_is_not_broken_without_the_setting_or_without_audio() -> None:
    driver = greeted(Driver())
    silent_for(driver, 8)
    mute = Driver()
    mute.configure(turn_detection={"idle_timeout_ms": 3000})
    mute.send("response.create")
    mute.run(60)
    for each in (driver, mute):
        assert each.of_type("input_audio_buffer.timeout_triggered") == []


def test_session_expires() -> None:
    driver = Driver(behaviour=Behaviour(max_session_s=60))
    driver.run(59)
    assert driver.brain.closing() is None
    driver.run(2)
    assert error_codes(driver) == ["session_expired"]
    assert driver.brain.closing() == Close(1001, "The session ended after 60 s.")
    assert driver.brain.next_deadline() is None
    driver.brain.tick(now=100.0)
    assert driver.brain.outgoing() == []


def test_outside_detector_is_used_and_replaced_when_it_fails() -> None:
    driver = greeted(Driver(detector_window_ms=20))
    driver.speak("hello")
    driver.run(3)
    assert any(isinstance(request, DetectVoice) for request in driver.requests)
    driver.broken.add(DetectVoice)
    driver.run(3)
    silent_for(driver, 0.1)
    driver.requests.clear()
    driver.speak("hello")
    driver.run(3)
    assert not any(isinstance(request, DetectVoice) for request in driver.requests)
    assert driver.transcripts()[1:] == ["Hello to you.", "Hello to you."]
    driver.assert_sound()


def test_same_seed_and_same_events_give_the_same_bytes() -> None:
    def played() -> list[str]:
        driver = greeted(Driver())
        driver.speak("balance")
        driver.run(3)
        return [frame.text for frame in driver.traffic]

    assert played() == played()
