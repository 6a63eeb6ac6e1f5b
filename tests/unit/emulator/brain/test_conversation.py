"""Contract of emulator/brain/conversation.py."""

from __future__ import annotations

import json
from itertools import count

import numpy as np
import pytest

from voxruntime.emulator.brain.conversation import MAX_ITEMS, ROOT, Conversation
from voxruntime.emulator.brain.items import AudioPart, FunctionOutputItem, ItemStatus, Message, TextPart
from voxruntime.emulator.brain.rejected import Code, Rejected
from voxruntime.emulator.brain.wire import Outbox
from voxruntime.emulator.profiles import OPENAI, YANDEX, Profile


class Stage:
    """A conversation and what it says."""

    def __init__(self, profile: Profile = YANDEX) -> None:
        numbers = count(1)
        self.outbox = Outbox(lambda prefix: f"{prefix}_{next(numbers)}")
        self.conversation = Conversation("conv_1", profile, self.outbox)

    def add(self, item_id: str, previous: str | None = None) -> list[tuple[str, str | None]]:
        self.conversation.require_place(item_id, previous)
        self.conversation.add(FunctionOutputItem(item_id, "call_1", "x"), previous)
        return [(event["type"], event["previous_item_id"]) for event in self.events()]

    def events(self) -> list[dict[str, object]]:
        return [json.loads(text) for text in self.outbox.drain()]

    @property
    def order(self) -> str:
        return "".join(item.id for item in self.conversation)

    def rejected(self, item_id: str, previous: str | None = None) -> Code:
        with pytest.raises(Rejected) as caught:
            self.conversation.require_place(item_id, previous)
        return caught.value.code


def spoken(item_id: str, seconds: float) -> Message:
    part = AudioPart("output_audio", 8000, [np.ones(int(8000 * seconds), dtype=np.int16)], "words")
    return Message(item_id, "assistant", [part])


def test_final_item_is_created_added_and_done() -> None:
    names = [name for name, _ in Stage().add("a")]
    assert names == ["conversation.item.created", "conversation.item.added", "conversation.item.done"]


def test_openai_knows_no_created() -> None:
    assert [name for name, _ in Stage(OPENAI).add("a")] == [
        "conversation.item.added",
        "conversation.item.done",
    ]


def test_items_are_appended_inserted_and_put_first() -> None:
    stage = Stage()
    places = {item_id: {place for _, place in stage.add(item_id, behind)} for item_id, behind in (
        ("a", None), ("b", ""), ("c", "a"), ("d", ROOT),
    )}  # fmt: skip
    assert stage.order == "dacb"
    assert places == {"a": {None}, "b": {"a"}, "c": {"a"}, "d": {None}}
    assert stage.conversation.last_id == "b"


def test_place_of_an_item_is_told_the_same_when_it_is_done_later() -> None:
    stage = Stage()
    stage.add("a")
    item = Message("b", "assistant", [TextPart("output_text", "")], ItemStatus.IN_PROGRESS)
    stage.conversation.add(item)
    stage.add("c", "a")
    item.status = ItemStatus.COMPLETED
    stage.conversation.finish(item)
    assert stage.events()[-1]["previous_item_id"] == "a"


def test_duplicate_and_unknown_places_are_rejected() -> None:
    stage = Stage()
    stage.add("a")
    assert stage.rejected("a") is Code.DUPLICATE_ITEM
    assert stage.rejected("b", "z") is Code.UNKNOWN_ITEM


def test_conversation_is_bounded() -> None:
    stage = Stage()
    for number in range(MAX_ITEMS):
        stage.conversation.add(FunctionOutputItem(str(number), "c", "x"))
    assert stage.rejected("more") is Code.TOO_MANY_ITEMS


def test_deleted_item_is_gone_and_not_done_any_more() -> None:
    stage = Stage()
    item = Message("a", "assistant", [], ItemStatus.IN_PROGRESS)
    stage.conversation.add(item)
    stage.events()
    stage.conversation.delete("a")
    stage.conversation.finish(item)
    assert [event["type"] for event in stage.events()] == ["conversation.item.deleted"]
    assert "a" not in stage.conversation
    assert stage.conversation.last_id is None


def test_item_is_retrieved_with_its_audio() -> None:
    stage = Stage()
    stage.conversation.add(spoken("a", 0.1))
    stage.events()
    stage.conversation.retrieve("a")
    [event] = stage.events()
    assert len(event["item"]["content"][0]["audio"]) == 2136


def test_audio_that_makes_the_event_too_long_is_left_out() -> None:
    stage = Stage()
    stage.conversation.add(spoken("a", 60))
    stage.events()
    stage.conversation.retrieve("a")
    [event] = stage.events()
    assert event["item"]["content"] == [{"type": "output_audio", "transcript": "words"}]


def test_item_without_audio_is_retrieved_as_it_is() -> None:
    stage = Stage()
    stage.add("a")
    stage.conversation.retrieve("a")
    assert stage.events()[0]["item"]["output"] == "x"


def test_truncation_takes_audio_and_transcript_away() -> None:
    stage = Stage()
    stage.conversation.add(spoken("a", 1))
    stage.events()
    stage.conversation.truncate("a", 0, 500.0)
    stage.conversation.retrieve("a")
    truncated, retrieved = stage.events()
    assert (truncated["type"], truncated["audio_end_ms"]) == ("conversation.item.truncated", 500)
    assert retrieved["item"]["content"][0]["transcript"] is None


@pytest.mark.parametrize(
    ("item_id", "index", "end_ms", "code", "param"),
    [
        ("z", 0, 0, Code.TRUNCATE_UNKNOWN_ITEM, None),
        ("user", 0, 0, Code.UNSUPPORTED_CONTENT, None),
        ("output", 0, 0, Code.UNSUPPORTED_CONTENT, None),
        ("text", 0, 0, Code.UNSUPPORTED_CONTENT, "content_index"),
        ("spoken", 1, 0, Code.INVALID_VALUE, "content_index"),
        ("spoken", -1, 0, Code.INVALID_VALUE, "content_index"),
        ("spoken", 0, 1001, Code.INVALID_VALUE, "audio_end_ms"),
        ("spoken", 0, -1, Code.INVALID_VALUE, "audio_end_ms"),
        ("silent", 0, 0, Code.INVALID_VALUE, "audio_end_ms"),
    ],
)
def test_impossible_truncation_is_rejected(
    item_id: str, index: int, end_ms: float, code: Code, param: str | None
) -> None:
    stage = Stage()
    stage.add("output")
    for item in (
        Message("user", "user", [TextPart("input_text", "x")]),
        Message("text", "assistant", [TextPart("output_text", "x")]),
        spoken("spoken", 1),
        spoken("silent", 0),
    ):
        stage.conversation.add(item)
    with pytest.raises(Rejected) as caught:
        stage.conversation.truncate(item_id, index, end_ms)
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(
    ("method", "code"), [("retrieve", Code.RETRIEVE_UNKNOWN_ITEM), ("delete", Code.DELETE_UNKNOWN_ITEM)]
)
def test_unknown_item_is_rejected(method: str, code: Code) -> None:
    with pytest.raises(Rejected) as caught:
        getattr(Stage().conversation, method)("z")
    assert (caught.value.code, caught.value.param) == (code, None)
