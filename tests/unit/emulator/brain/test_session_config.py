"""Contract of emulator/brain/session_config.py."""

from __future__ import annotations

import pytest

from voxruntime.emulator.brain.rejected import Code, Rejected
from voxruntime.emulator.brain.session_config import SessionConfig, TurnDetection, voice_name
from voxruntime.emulator.profiles import OPENAI, YANDEX, Profile

JsonObject = dict[str, object]


def config(profile: Profile = YANDEX) -> SessionConfig:
    return SessionConfig("sess_1", "gpt://folder/model", profile)


def updated(*patches: JsonObject, profile: Profile = YANDEX) -> SessionConfig:
    changed = config(profile)
    for patch in patches:
        changed.update(patch if profile is YANDEX else {"type": "realtime", **patch}, voice_was_heard=False)
    return changed


def rejected(patch: JsonObject, profile: Profile = YANDEX) -> tuple[Code, str | None]:
    changed = config(profile)
    before = changed.wire()
    with pytest.raises(Rejected) as caught:
        changed.update(patch, voice_was_heard=False)
    assert changed.wire() == before
    return caught.value.code, caught.value.param


def test_defaults_are_told_in_full() -> None:
    wire = config().wire()
    assert wire["type"] == "realtime"
    assert wire["audio"] == {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 400,
                "create_response": True,
                "interrupt_response": True,
                "idle_timeout_ms": None,
            },
            "transcription": None,
            "noise_reduction": None,
            "languages": [],
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": None, "speed": 1.0, "role": None},
    }


def test_patch_changes_only_what_it_names() -> None:
    changed = updated({"instructions": "Hi"}, {"audio": {"output": {"voice": "marina"}}})
    assert changed.session.instructions == "Hi"
    assert changed.session.audio.output.voice == "marina"
    assert changed.session.audio.output.format.rate == 24000


def test_unknown_fields_are_ignored() -> None:
    assert updated({"surprise": {"a": [1]}, "audio": {"input": {"surprise": 1}}}).wire() == config().wire()


def test_identity_never_changes() -> None:
    assert updated({"id": "x", "model": "y", "object": "z"}).wire() == config().wire()


@pytest.mark.parametrize(
    "patch",
    [
        {"turn_detection": {"silence_duration_ms": 700}},
        {"audio": {"input": {"turn_detection": {"silence_duration_ms": 700.0}}}},
        {"turn_detection": None, "audio": {"input": {"turn_detection": {"silence_duration_ms": 700}}}},
    ],
)
def test_turn_detection_is_taken_from_its_old_and_its_new_place(patch: JsonObject) -> None:
    rules = updated(patch).turn_detection
    assert rules == TurnDetection(silence_duration_ms=700)


def test_other_old_places() -> None:
    changed = updated({"voice": "jane", "modalities": ["text"], "input_audio_transcription": {"model": "m"}})
    assert changed.session.audio.output.voice == "jane"
    assert changed.session.audio.input.transcription == {"model": "m"}
    assert changed.modality == "text"


def test_null_turns_detection_off_and_an_object_turns_it_on_with_defaults() -> None:
    off: JsonObject = {"turn_detection": None}
    assert updated(off).turn_detection is None
    assert updated(off, {"turn_detection": {"threshold": 0.3}}).turn_detection == TurnDetection(
        threshold=0.3, silence_duration_ms=400
    )


def test_null_resets_what_cannot_be_null() -> None:
    changed = updated({"instructions": "Hi", "audio": {"input": {"format": {"rate": 8000}}}}, {"audio": None})
    assert changed.input_rate == 24000
    assert changed.turn_detection is not None
    assert updated({"instructions": "Hi"}, {"instructions": None}).session.instructions == ""


def test_lists_and_tool_choice_are_replaced() -> None:
    one: JsonObject = {"tools": [{"name": "a"}], "tool_choice": {"type": "function", "name": "a"}}
    changed = updated(one, {"tools": [{"name": "b"}], "tool_choice": {"type": "function"}})
    assert changed.session.tools == [{"name": "b"}]
    assert changed.session.tool_choice == {"type": "function"}


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
def test_rates(rate: int) -> None:
    assert updated({"audio": {"input": {"format": {"type": "audio/pcm", "rate": rate}}}}).input_rate == rate


@pytest.mark.parametrize(
    ("patch", "code", "param"),
    [
        ({"audio": 5}, Code.INVALID_TYPE, "session.audio"),
        ({"audio": {"input": {"format": {"rate": 11025}}}}, Code.INVALID_VALUE, "session.audio.input.format.rate"),
        ({"audio": {"output": {"format": {"rate": 0}}}}, Code.INVALID_VALUE, "session.audio.output.format.rate"),
        ({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, Code.INVALID_VALUE, "session.audio.input.format.type"),
        ({"turn_detection": {"threshold": 2}}, Code.INVALID_VALUE, "session.audio.input.turn_detection.threshold"),
        ({"turn_detection": {"type": "semantic_vad"}}, Code.INVALID_VALUE, "session.audio.input.turn_detection.type"),
        ({"turn_detection": {"threshold": "x"}}, Code.INVALID_TYPE, "session.audio.input.turn_detection.threshold"),
        ({"max_output_tokens": 0}, Code.INVALID_VALUE, "session.max_output_tokens"),
        ({"output_modalities": []}, Code.INVALID_VALUE, "session.output_modalities"),
        ({"output_modalities": ["video"]}, Code.INVALID_VALUE, "session.output_modalities[0]"),
        ({"tools": {}}, Code.INVALID_TYPE, "session.tools"),
        ({"instructions": "x" * 300_000}, Code.TOO_LONG, "session"),
        ({"type": "transcription"}, Code.INVALID_VALUE, "session.type"),
    ],
)  # fmt: skip
def test_bad_value_is_rejected_and_nothing_changes(patch: JsonObject, code: Code, param: str) -> None:
    assert rejected(patch) == (code, param)


def test_openai_needs_the_type() -> None:
    assert rejected({"instructions": "x"}, OPENAI) == (Code.MISSING_PARAMETER, "session.type")


@pytest.mark.parametrize(("eagerness", "silence_ms"), [("low", 1200), ("high", 300), ("auto", 700)])
def test_openai_hears_semantics_as_silence(eagerness: str, silence_ms: int) -> None:
    semantic: JsonObject = {"turn_detection": {"type": "semantic_vad", "eagerness": eagerness}}
    changed = updated(semantic, profile=OPENAI)
    assert changed.turn_detection == TurnDetection(silence_duration_ms=silence_ms)
    declared = changed.session.audio.input.turn_detection
    assert declared == {
        "type": "semantic_vad",
        "eagerness": eagerness,
        "create_response": True,
        "interrupt_response": True,
    }


def test_going_back_to_server_vad_starts_from_its_defaults() -> None:
    changed = updated(
        {"turn_detection": {"type": "semantic_vad"}},
        {"turn_detection": {"type": "server_vad"}},
        profile=OPENAI,
    )
    assert changed.turn_detection == TurnDetection(silence_duration_ms=500)


def test_speech_wins_when_both_modalities_are_asked_for() -> None:
    assert updated({"output_modalities": ["text", "audio"]}).modality == "audio"


def test_voice_is_locked_once_heard_where_the_provider_does_so() -> None:
    other: JsonObject = {"type": "realtime", "audio": {"output": {"voice": "ash"}}}
    locked = updated({"audio": {"output": {"voice": {"id": "ash"}}}}, profile=OPENAI)
    locked.update(other, voice_was_heard=True)
    with pytest.raises(Rejected, match="cannot change once"):
        locked.update({"type": "realtime", "voice": "coral"}, voice_was_heard=True)
    free = config()
    free.update(other, voice_was_heard=True)
    assert free.session.audio.output.voice == "ash"


def test_voice_name() -> None:
    assert [voice_name("a"), voice_name({"id": "b"}), voice_name({}), voice_name(None)] == ["a", "b", "", ""]
