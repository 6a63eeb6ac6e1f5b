"""Contract of emulator/brain/client_events.py."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxruntime.emulator.brain import client_events as client
from voxruntime.emulator.brain.rejected import Code, Rejected

EVENTS = {
    "session.update": {"session": {}},
    "input_audio_buffer.append": {"audio": ""},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "output_audio_buffer.clear": {},
    "conversation.item.create": {"item": {"type": "message"}},
    "conversation.item.retrieve": {"item_id": "a"},
    "conversation.item.truncate": {"item_id": "a", "content_index": 0, "audio_end_ms": 1},
    "conversation.item.delete": {"item_id": "a"},
    "response.create": {},
    "response.cancel": {},
}


def parse(text: str) -> client.ClientEvent:
    return client.parse(client.decode(text))


def rejected(text: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize("event_type", EVENTS)
def test_every_client_event_is_known(event_type: str) -> None:
    text = json.dumps({"type": event_type, "event_id": "e1", "unknown": {"x": 1}, **EVENTS[event_type]})
    assert parse(text).event_id == "e1"


@pytest.mark.parametrize(
    ("event_type", "field"),
    [(event_type, field) for event_type, fields in EVENTS.items() for field in fields],
)
def test_missing_field_is_named(event_type: str, field: str) -> None:
    fields = {key: value for key, value in EVENTS[event_type].items() if key != field}
    error = rejected(json.dumps({"type": event_type, **fields}))
    assert (error.code, error.param) == (Code.MISSING_PARAMETER, field)


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("", Code.INVALID_JSON, None),
        ("{", Code.INVALID_JSON, None),
        ("[]", Code.INVALID_JSON, None),
        ("7", Code.INVALID_JSON, None),
        ("[" * 100_000, Code.INVALID_JSON, None),
        ('{"type": NaN}', Code.INVALID_JSON, None),
        ('{"x": 1e999}', Code.INVALID_JSON, None),
        ('{"x": "\\ud800"}', Code.INVALID_JSON, None),
        ('{"x": ' + "9" * 30 + "}", Code.INVALID_JSON, None),
        ('{"x": ' + "[" * 70 + "]" * 70 + "}", Code.INVALID_JSON, None),
        ("{}", Code.INVALID_EVENT, "type"),
        ('{"type": 5}', Code.INVALID_EVENT, "type"),
        ('{"type": "session.destroy"}', Code.INVALID_VALUE, "type"),
        ('{"type": "session.update", "session": []}', Code.INVALID_TYPE, "session"),
        ('{"type": "conversation.item.create", "item": {}}', Code.MISSING_PARAMETER, "item.type"),
        (
            '{"type": "conversation.item.create", "item": {"type": "message", "content": [{"type": 1}]}}',
            Code.INVALID_TYPE,
            "item.content[0].type",
        ),
        (
            '{"type": "response.create", "response": {"metadata": {"a": 1}}}',
            Code.INVALID_TYPE,
            "response.metadata[...]",
        ),
    ],
)
def test_bad_event_is_rejected_with_code_and_place(text: str, code: Code, param: str | None) -> None:
    error = rejected(text)
    assert (error.code, error.param) == (code, param)


def test_rejection_does_not_repeat_all_of_what_caused_it() -> None:
    assert len(rejected(json.dumps({"type": "x" * 10_000})).message) < 200


@pytest.mark.parametrize(
    ("event_id", "echoed"), [("e", "e"), (5, None), (None, None), ("x" * 512, "x" * 512), ("x" * 513, None)]
)
def test_event_id_is_echoed_when_it_is_a_reasonable_string(event_id: object, echoed: str | None) -> None:
    assert client.client_event_id({"event_id": event_id}) == echoed


def test_whole_numbers_may_be_written_as_floats_in_times() -> None:
    event = parse(json.dumps({"type": "conversation.item.truncate", **EVENTS["conversation.item.truncate"]}))
    assert isinstance(event, client.TruncateItem)
    assert event.audio_end_ms == 1.0


@given(st.text() | st.dictionaries(st.text(), st.integers() | st.text() | st.none()).map(json.dumps))
def test_any_text_is_an_event_or_rejected(text: str) -> None:
    with pytest.raises(Rejected, match=r"."):
        parse(text)
