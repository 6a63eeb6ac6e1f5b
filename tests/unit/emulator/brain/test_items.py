"""Contract of emulator/brain/items.py."""

from __future__ import annotations

import base64

import msgspec
import numpy as np
import pytest

from voxruntime.emulator.brain.client_events import NewItem
from voxruntime.emulator.brain.items import (
    AudioPart,
    FunctionCallItem,
    FunctionOutputItem,
    Item,
    Message,
    decode_audio,
    made_by_client,
)
from voxruntime.emulator.brain.rejected import Code, Rejected

JsonObject = dict[str, object]

AUDIO = base64.b64encode(np.arange(8, dtype="<i2").tobytes()).decode()


def made(fields: JsonObject, *, takes_assistant_items: bool = True) -> Item:
    return made_by_client(
        msgspec.convert(fields, NewItem),
        rate=8000,
        new_id=lambda prefix: f"{prefix}_new",
        takes_assistant_items=takes_assistant_items,
        path="item",
    )


def message(role: str, *content: JsonObject, **fields: object) -> JsonObject:
    return {"type": "message", "role": role, "content": list(content), **fields}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (message("user", {"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}), "a b"),
        (message("system", {"type": "input_text", "text": "rules"}), "rules"),
        (message("assistant", {"type": "output_text", "text": "said"}), "said"),
        (message("assistant", {"type": "output_audio", "transcript": "spoken"}), "spoken"),
        (message("user", {"type": "input_audio", "audio": AUDIO}), ""),
    ],
)
def test_message_of_each_role(fields: JsonObject, text: str) -> None:
    item = made(fields)
    assert isinstance(item, Message)
    assert (item.id, item.role, item.text) == ("item_new", fields["role"], text)


def test_audio_of_a_message_is_kept_but_shown_only_on_demand() -> None:
    item = made(message("user", {"type": "input_audio", "audio": AUDIO}))
    assert isinstance(item, Message)
    part = item.content[0]
    assert isinstance(part, AudioPart)
    assert part.pcm.tolist() == list(range(8))
    assert part.duration_ms == 1.0
    assert item.wire()["content"] == [{"type": "input_audio", "transcript": None}]
    assert item.wire_with_audio()["content"] == [{"type": "input_audio", "transcript": None, "audio": AUDIO}]


def test_function_items() -> None:
    call = made({"type": "function_call", "name": "f", "arguments": "{}", "id": "own"})
    assert isinstance(call, FunctionCallItem)
    assert (call.id, call.call_id, call.wire()["arguments"]) == ("own", "call_new", "{}")
    output = made({"type": "function_call_output", "call_id": "c", "output": "x"})
    assert isinstance(output, FunctionOutputItem)
    assert (output.wire()["call_id"], output.wire()["output"]) == ("c", "x")


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"type": "message"}, Code.MISSING_PARAMETER, "item.role"),
        (message("robot"), Code.INVALID_VALUE, "item.role"),
        (message("user"), Code.MISSING_PARAMETER, "item.content"),
        (message("user", {"type": "output_text", "text": "a"}), Code.INVALID_VALUE, "item.content[0].type"),
        (message("user", {"type": "input_text"}), Code.MISSING_PARAMETER, "item.content[0].text"),
        (message("user", {"type": "input_audio"}), Code.MISSING_PARAMETER, "item.content[0].audio"),
        (message("user", {"type": "input_audio", "audio": "A"}), Code.INVALID_VALUE, "item.content[0].audio"),
        (
            message("assistant", {"type": "output_audio"}),
            Code.MISSING_PARAMETER,
            "item.content[0].transcript",
        ),
        ({"type": "function_call", "name": "f"}, Code.MISSING_PARAMETER, "item.arguments"),
        ({"type": "function_call", "arguments": "{}"}, Code.MISSING_PARAMETER, "item.name"),
        ({"type": "function_call_output", "output": "x"}, Code.MISSING_PARAMETER, "item.call_id"),
        ({"type": "function_call_output", "call_id": "c"}, Code.MISSING_PARAMETER, "item.output"),
        ({"type": "reasoning"}, Code.INVALID_VALUE, "item.type"),
        (message("user", {"type": "input_text", "text": "a"}, id=""), Code.INVALID_VALUE, "item.id"),
        (message("user", {"type": "input_text", "text": "a"}, id="x" * 65), Code.INVALID_VALUE, "item.id"),
    ],
)
def test_bad_item_is_rejected(fields: JsonObject, code: Code, param: str) -> None:
    with pytest.raises(Rejected) as caught:
        made(fields)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_assistant_items_may_be_refused() -> None:
    with pytest.raises(Rejected, match="assistant"):
        made(message("assistant", {"type": "output_text", "text": "a"}), takes_assistant_items=False)


def test_truncated_audio_is_shorter_and_has_no_transcript() -> None:
    part = AudioPart("output_audio", 8000, [np.ones(800, dtype=np.int16)] * 2, transcript="all of it")
    part.truncate(150)
    assert (part.duration_ms, part.transcript, part.is_truncated) == (150.0, None, True)


@pytest.mark.parametrize("text", ["*", "AAA", "AA==", "ÄÖÜ=", "AAAA\n"])
def test_bad_base64_and_odd_bytes_are_rejected(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode_audio(text, "audio")
    assert (caught.value.code, caught.value.param) == (Code.INVALID_VALUE, "audio")


def test_audio_is_little_endian() -> None:
    assert decode_audio(base64.b64encode(b"\x01\x00\xff\xff").decode(), "audio").tolist() == [1, -1]
