from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.realtime.events import ProtocolFailed
from voxruntime.realtime.heads import MAX_TEXT_BYTES, Head, ObjectHead, read_head

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["type", "event_id", "response_id", "item_id", "content_index", "delta", "response", "item"]


def test_head_holds_the_ids_and_skips_the_rest() -> None:
    text = json.dumps(
        {
            "type": "response.done",
            "event_id": "event_1",
            "response": {"id": "resp_1", "status": "cancelled", "output": [{"id": "x"}] * 100},
            "later": {"type": "not this one"},
        }
    )
    assert read_head(text.encode()) == Head(
        type="response.done", event_id="event_1", response=ObjectHead(id="resp_1", status="cancelled")
    )


@pytest.mark.parametrize(
    ("fields", "head"),
    [
        ({"type": "a", "item_id": 7}, Head("a")),
        ({"type": "a", "content_index": "0", "item_id": "item_1"}, Head("a", item_id="item_1")),
        ({"type": "a", "response": "resp_1"}, Head("a")),
        (
            {"type": "a", "response": {"id": 1, "status": "done"}},
            Head("a", response=ObjectHead(None, "done")),
        ),
        ({"type": "a", "item": None, "event_id": None}, Head("a")),
        ({"type": None, "event_id": "e"}, Head("", event_id="e")),
        ({"type": 5}, Head("")),
        ({}, Head("")),
        ({"type": "a", "delta": {"text": "x"}}, Head("a")),
    ],
)
def test_field_of_a_surprising_type_reads_as_absent(fields: dict[str, object], head: Head) -> None:
    assert read_head(json.dumps(fields).encode()) == head


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("hello", "not JSON"),
        ('{"type":"a"', "not JSON"),
        ('{"type":"a"}{"type":"b"}', "not JSON"),
        ('{"type":"\\ud800"}', "not JSON"),
        ("[]", "not a JSON object"),
        ('"error"', "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"type":"a","q":' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
)
def test_text_that_is_no_object_is_refused_with_its_reason(text: str, reason: str) -> None:
    head = read_head(text.encode())
    assert isinstance(head, ProtocolFailed)
    assert reason in head.reason


@pytest.mark.parametrize("padding", ["x" * MAX_TEXT_BYTES, "ж" * (MAX_TEXT_BYTES // 2)])
def test_message_that_is_too_long_is_refused_unread(padding: str) -> None:
    assert isinstance(read_head(f'{{"type":"error","message":"{padding[:-100]}"}}'.encode()), Head)
    head = read_head(f'{{"type":"error","message":"{padding}"}}'.encode())
    assert isinstance(head, ProtocolFailed)
    assert str(MAX_TEXT_BYTES) in head.reason


@pytest.mark.parametrize("wire_type", ["response.output_audio.delta", "response.audio.delta"])
def test_audio_may_be_longer_than_other_messages(wire_type: str) -> None:
    audio = "AAAA" * (MAX_TEXT_BYTES // 4)
    assert read_head(json.dumps({"type": wire_type, "delta": audio}).encode()) == Head(wire_type, delta=audio)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, json_values)))
def test_any_object_has_a_head(fields: dict[str, object]) -> None:
    head = read_head(json.dumps(fields).encode())
    assert isinstance(head, Head)
    wire_type = fields.get("type")
    assert head.type == (wire_type if isinstance(wire_type, str) else "")


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_give_a_head_or_a_reason(octets: bytes) -> None:
    assert isinstance(read_head(octets), Head | ProtocolFailed)
