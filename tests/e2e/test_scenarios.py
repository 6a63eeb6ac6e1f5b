"""Each bundled scenario, whole: with its recorded human caller where speech is installed, and in tones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bundled_callers import SCENARIOS, company, in_tones
from e2e.test_tone_call import channels
from speech_extra import speech_extra
from voxrt_command import Finished, RunVoxrt
from voxruntime.audio import tonewords

SAID = {
    "agent": ["Hello! I know your speed dial keys.", "Let me see.", "Key two is the director.", "Goodbye!"],
    "greeting_first": [
        "this sentence is heard to its end. How can I help?",
        "Nobody will disturb you.",
        "Goodbye!",
    ],
    "mcp": [
        "Hello! I can look up your speed dial keys.",
        "Let me look.",
        "Key two is the director.",
        "Goodbye!",
    ],
    "hello": ["Hello! I am the emulated agent.", "Of course, take your time.", "Goodbye!"],
    "hello_ru": ["Здравствуйте!", "Вы первый в очереди.", "Ждать осталось около двух минут.", "до свидания"],
    "barge_in": ["These are the terms of service.", "Yes? I am listening.", "Goodbye!"],
    "function_call": ["Hello!", "Call forwarding is now on.", "Do not disturb is now off.", "Goodbye!"],
}

__all__ = ["speech_extra"]

with_speech = pytest.mark.usefixtures("speech_extra")


def transcript(done: Finished, kind: str) -> list[str]:
    """The texts of one kind of transcript, in order, from the wire."""
    lines = map(json.loads, (done.folder / "out.jsonl").read_text(encoding="utf-8").splitlines())
    messages = [
        json.loads(line["text"]) for line in lines if line["kind"] == "wire" and line["direction"] == "<"
    ]
    return [message["transcript"] for message in messages if message["type"] == kind]


def sent(done: Finished) -> list[str]:
    """The types of what the scenario sent, in order, without audio."""
    lines = map(json.loads, (done.folder / "out.jsonl").read_text(encoding="utf-8").splitlines())
    types = [
        json.loads(line["text"])["type"]
        for line in lines
        if line["kind"] == "wire" and line["direction"] == ">"
    ]
    return [wire_type for wire_type in types if wire_type != "input_audio_buffer.append"]


def check_agent(done: Finished) -> None:
    # Both calls of one response are answered before the model is asked to go on, and a goodbye needs nothing more.
    output = "conversation.item.create"
    assert sent(done) == ["session.update", "response.create", output, output, "response.create", output]
    expected = "agent: Hello! I know your speed dial keys.\ncaller: speed dial\nagent: Let me see.\n"
    expected += "agent: Key two is the director.\ncaller: goodbye\nagent: Goodbye!"
    assert done.log == [expected]
    if "out.wav" in done.files:
        # The last word was heard before the call was hung up.
        rate, _caller, heard = channels(done.folder / "out.wav")
        assert str(tonewords.decode(heard, rate)).endswith("Key two is the director. Goodbye!")


def check_greeting_first(done: Finished) -> None:
    assert done.log == ["the greeting was heard", *["the agent hears speech"] * 2]


def check_barge_in(done: Finished) -> None:
    interrupted, told, *rest = done.log
    heard_ms, received_ms = map(int, re.findall(r"\d+", interrupted))
    assert told == f"the provider knows of {heard_ms} ms"
    assert 1000 < heard_ms < received_ms
    assert rest == []
    assert sent(done).count("conversation.item.truncate") == 1


def check_mcp(done: Finished) -> None:
    # The provider calls the tool; the scenario answers nothing.
    assert sent(done) == ["session.update", "response.create"]
    (line,) = done.log
    assert line.startswith('find_speed_dial {"key":"two"} gave {')


MORE = {
    "mcp": check_mcp,
    "agent": check_agent,
    "greeting_first": check_greeting_first,
    "barge_in": check_barge_in,
}


def check(name: str, done: Finished) -> None:
    said = " ".join(transcript(done, "response.output_audio_transcript.done"))
    for words in SAID[name]:
        assert words in said
    assert done.report["result"] == "terminated"
    (call,) = done.report["calls"]  # type: ignore[misc]
    assert call["code"] == 200  # type: ignore[index]
    MORE.get(name, lambda _done: None)(done)


def test_every_bundled_scenario_is_run_here() -> None:
    assert sorted(SAID) == sorted(path.stem for path in SCENARIOS.glob("*.lua"))


@pytest.mark.parametrize("name", sorted(SAID))
def test_in_tones(run_voxrt: RunVoxrt, tmp_path: Path, name: str) -> None:
    (tmp_path / "caller.toml").write_text(in_tones(name), encoding="utf-8")
    with company(name) as options:
        caller = ("--no-speech", "--call", "script:caller.toml", "--record", "out.wav")
        check(name, run_voxrt("run", name, *caller, *options, "--events", "out.jsonl", "--json"))


@with_speech
@pytest.mark.parametrize("name", sorted(SAID))
def test_with_its_human_caller(run_voxrt: RunVoxrt, name: str) -> None:
    with company(name) as options:
        caller = ("--call", f"script:{SCENARIOS / f'{name}.caller.toml'}")
        check(name, run_voxrt("run", name, *caller, *options, "--events", "out.jsonl", "--json"))


def test_mcp_without_its_server_says_what_to_start(run_voxrt: RunVoxrt) -> None:
    done = run_voxrt("run", "mcp", "--no-speech", "--custom-data", "http://127.0.0.1:9/mcp", exit_code=1)
    remedy = "No MCP server answers at http://127.0.0.1:9/mcp: start mcp_directory.py, or name yours"
    assert remedy in " ".join(done.stderr.split())


@with_speech
def test_the_wrong_words_are_not_understood(run_voxrt: RunVoxrt, tmp_path: Path) -> None:
    steps = ['wait = "agent_finished"', f'play = "{SCENARIOS / "audio" / "en-weasels.wav"}"']
    steps += ['wait = "agent_finished"', "hangup = true"]
    (tmp_path / "caller.toml").write_text("".join(f"[[step]]\n{step}\n" for step in steps), encoding="utf-8")
    done = run_voxrt("run", "hello", "--call", "script:caller.toml", "--events", "out.jsonl", "--json")
    assert (
        transcript(done, "response.output_audio_transcript.done")[-1] == "Sorry, I did not understand that."
    )
