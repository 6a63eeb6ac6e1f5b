"""Contract of emulator/brain/wire.py and rejected.py."""

from __future__ import annotations

import json
from itertools import count

from voxruntime.emulator.brain.rejected import Code, Rejected, shown
from voxruntime.emulator.brain.wire import Outbox, encoded_length


def outbox() -> Outbox:
    numbers = count(1)
    return Outbox(lambda prefix: f"{prefix}_{next(numbers)}")


def test_events_have_type_id_and_fields_in_order_and_are_handed_over_once() -> None:
    box = outbox()
    box.emit("first", a=1)
    box.emit("second", b=None)
    assert [json.loads(text) for text in box.drain()] == [
        {"type": "first", "event_id": "event_1", "a": 1},
        {"type": "second", "event_id": "event_2", "b": None},
    ]
    assert box.drain() == []


def test_event_does_not_change_with_what_it_was_made_of() -> None:
    box, words = outbox(), ["a"]
    box.emit("event", words=words)
    words.append("b")
    assert json.loads(box.drain()[0])["words"] == ["a"]


def test_error_event() -> None:
    box = outbox()
    box.emit_error(Rejected(Code.INVALID_VALUE, "No.", "session"), "mine")
    assert json.loads(box.drain()[0])["error"] == {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "No.",
        "param": "session",
        "event_id": "mine",
    }


def test_length_is_that_of_the_encoded_json() -> None:
    assert encoded_length({"a": "\u0000"}) == len('{"a":"\\u0000"}')


def test_values_are_shown_cut() -> None:
    assert shown("abc") == "'abc'"
    assert len(shown("x" * 5000)) < 110
