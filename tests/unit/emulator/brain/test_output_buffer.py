"""Contract of emulator/brain/output_buffer.py, and of the responses that tell it what they play."""

from __future__ import annotations

from conformance.emulator.driver import Driver
from voxruntime.emulator.brain.behaviour import Behaviour

STARTED, STOPPED, CLEARED = (f"output_audio_buffer.{step}" for step in ("started", "stopped", "cleared"))


def told() -> Driver:
    driver = Driver(behaviour=Behaviour(output_buffer_events=True))
    driver.configure()
    driver.send("response.create")
    return driver


def steps(driver: Driver) -> list[str]:
    return [event["type"] for event in driver.events if event["type"].startswith("output_audio_buffer.")]


def test_nothing_is_told_unless_it_is_asked_for() -> None:
    driver = Driver()
    driver.configure()
    driver.send("response.create")
    driver.run(10)
    assert steps(driver) == []
    assert [event["type"] for event in driver.send("output_audio_buffer.clear")] == ["error"]


def test_start_precedes_the_first_audio_and_stop_follows_when_it_has_been_played() -> None:
    driver = told()
    started = driver.run_until(STARTED)
    done = driver.run_until("response.done")
    kinds = [event["type"] for event in driver.events]
    assert kinds.index("response.content_part.added") < kinds.index(STARTED)
    assert kinds.index(STARTED) < kinds.index("response.output_audio.delta")
    assert STOPPED not in kinds
    stopped = driver.run_until(STOPPED)
    response_id = done["response"]["id"]
    assert (started["response_id"], stopped["response_id"]) == (response_id, response_id)
    assert driver.now >= len(driver.audio_of(response_id)) / driver.rate


def test_caller_who_interrupts_clears_it_before_the_response_ends() -> None:
    driver = told()
    driver.ask("long story")
    driver.write("long story")
    driver.send("response.create")
    driver.run_until("response.output_audio.delta")
    kinds = [event["type"] for event in driver.speak("hello")]
    speech = kinds.index("input_audio_buffer.speech_started")
    assert kinds[speech + 1] == CLEARED


def test_caller_who_may_not_interrupt_clears_nothing() -> None:
    driver = told()
    driver.configure(turn_detection={"interrupt_response": False})
    driver.write("long story")
    driver.send("response.create")
    driver.run_until("response.output_audio.delta")
    driver.speak("hello")
    assert CLEARED not in steps(driver)


def test_client_clears_it_once() -> None:
    driver = told()
    response_id = driver.run_until(STARTED)["response_id"]
    [cleared] = driver.send("output_audio_buffer.clear")
    assert (cleared["type"], cleared["response_id"]) == (CLEARED, response_id)
    [again] = driver.send("output_audio_buffer.clear")
    assert again["error"]["message"] == "Nothing is being played."
    driver.run(10)
    assert steps(driver) == [STARTED, CLEARED]


def test_cancelled_response_stops() -> None:
    driver = told()
    driver.run_until(STARTED)
    driver.send("response.cancel")
    driver.run(1)
    assert steps(driver) == [STARTED, STOPPED]


def test_client_that_cancels_can_clear_what_still_plays() -> None:
    driver = told()
    response_id = driver.run_until("response.output_audio.delta")["response_id"]
    driver.send("response.cancel")
    [cleared] = driver.send("output_audio_buffer.clear")
    assert (cleared["type"], cleared["response_id"]) == (CLEARED, response_id)


def test_text_is_not_played() -> None:
    driver = told()
    driver.run(10)
    before = len(steps(driver))
    driver.ask("hello", output_modalities=["text"])
    assert len(steps(driver)) == before
