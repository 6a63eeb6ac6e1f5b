"""Contract of emulator/brain/behaviour.py: each setting changes what clients see."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from conformance.emulator.driver import DIALOGUE, UNIX_S, Driver
from voxruntime.audio.tones import dtmf
from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.dialogue import Rule

TRANSCRIPTION = "conversation.item.input_audio_transcription"


def answered(**behaviour: object) -> Driver:
    driver = Driver(behaviour=Behaviour(**behaviour))
    driver.configure()
    driver.speak("hello")
    driver.run(5)
    return driver


def test_transcription_comes_whole_unless_it_is_asked_for_in_pieces() -> None:
    driver = answered()
    assert not driver.of_type(f"{TRANSCRIPTION}.delta")
    assert not driver.of_type(f"{TRANSCRIPTION}.segment")


def test_deltas_of_a_transcription_add_up_to_it() -> None:
    driver = Driver(behaviour=Behaviour(transcription_deltas=True))
    driver.configure()
    driver.speak("my balance please")
    driver.run(5)
    [completed] = driver.of_type(f"{TRANSCRIPTION}.completed")
    deltas = driver.of_type(f"{TRANSCRIPTION}.delta")
    assert [event["delta"] for event in deltas] == ["my ", "balance ", "please"]
    assert {(event["item_id"], event["content_index"]) for event in deltas} == {(completed["item_id"], 0)}
    assert driver.events.index(deltas[-1]) < driver.events.index(completed)


def test_segment_is_the_whole_utterance() -> None:
    driver = answered(transcription_segments=True)
    [completed] = driver.of_type(f"{TRANSCRIPTION}.completed")
    [segment] = driver.of_type(f"{TRANSCRIPTION}.segment")
    assert segment["id"].startswith("seg_")
    assert (segment["text"], segment["speaker"], segment["start"]) == ("hello", "A", 0.0)
    assert segment["end"] == completed["usage"]["seconds"]


@pytest.mark.parametrize(
    ("setting", "delta"),
    [
        ("text", "response.output_text.delta"),
        ("transcript", "response.output_audio_transcript.delta"),
        ("profile", "response.output_text.delta"),
    ],
)
def test_events_of_spoken_text_are_chosen(setting: str, delta: str) -> None:
    driver = answered(spoken_text=setting)
    kinds = {event["type"] for event in driver.events}
    both = {"response.output_text.delta", "response.output_audio_transcript.delta"}
    assert kinds & both == {delta}


def test_keys_are_told_with_where_and_when_they_were_pressed() -> None:
    driver = Driver()
    driver.configure()
    driver.stream(driver.silence(1.0))
    driver.stream(dtmf("4#", driver.rate))
    first, second = driver.of_type("input_audio_buffer.dtmf_event_received")
    assert (first["digit"], first["event"]) == ("4", "4")
    assert first["timestamp_ms"] == pytest.approx(1000, abs=16)
    assert second["timestamp_ms"] == pytest.approx(1150, abs=16)
    assert first["received_at"] == UNIX_S + 1


def test_keys_are_found_again_when_the_rate_changes() -> None:
    driver = Driver(rate=8000)
    driver.configure()
    driver.stream(driver.silence(1.0))
    driver.rate = 44100
    driver.configure()
    driver.stream(np.concatenate((driver.silence(0.5), dtmf("7", driver.rate))))
    [pressed] = driver.of_type("input_audio_buffer.dtmf_event_received")
    assert pressed["timestamp_ms"] == pytest.approx(1500, abs=16)


def test_keys_are_not_told_where_they_are_not_wanted() -> None:
    driver = Driver(behaviour=Behaviour(dtmf_events=False))
    driver.configure()
    driver.stream(dtmf("4#", driver.rate))
    assert not driver.of_type("input_audio_buffer.dtmf_event_received")


@pytest.mark.parametrize(
    ("ending", "status", "reason"),
    [
        ("failed", "failed", None),
        ("content_filter", "incomplete", "content_filter"),
        ("max_output_tokens", "incomplete", "max_output_tokens"),
    ],
)
@pytest.mark.parametrize("say", ["Well.", ""])
def test_response_ends_as_the_dialogue_says(ending: str, status: str, reason: str | None, say: str) -> None:
    rule = Rule(phrases=["end"], say=say, ending=ending)
    driver = Driver(dialogue=msgspec.structs.replace(DIALOGUE, expect=[rule]))
    driver.configure()
    driver.ask("end")
    response = driver.of_type("response.done")[-1]["response"]
    assert (response["status"], response["status_details"].get("reason")) == (status, reason)
    assert [item["status"] for item in response["output"]] == ["incomplete"] * bool(say)
    if status == "failed":
        assert response["status_details"]["error"]["message"]
    driver.ask("hello")
    assert driver.transcripts()[-1] == "Hello to you."
