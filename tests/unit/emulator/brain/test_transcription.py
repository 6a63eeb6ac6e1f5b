"""Contract of emulator/brain/transcription.py."""

from __future__ import annotations

import json
from itertools import count

import numpy as np

from voxruntime.emulator.brain.behaviour import Behaviour
from voxruntime.emulator.brain.conversation import Conversation
from voxruntime.emulator.brain.items import AudioPart, Message, TextPart
from voxruntime.emulator.brain.requests import Recognize, Requests
from voxruntime.emulator.brain.scribe import Scribe
from voxruntime.emulator.brain.transcription import Transcription
from voxruntime.emulator.brain.wire import Outbox
from voxruntime.emulator.profiles import OPENAI


def spoken(seconds: float = 0.5) -> AudioPart:
    return AudioPart("input_audio", 8000, [np.ones(int(8000 * seconds), dtype=np.int16)])


class Stage:
    """A transcription and what it asks and says."""

    def __init__(self, **behaviour: object) -> None:
        numbers = count(1)

        def new_id(prefix: str) -> str:
            return f"{prefix}_{next(numbers)}"

        self.outbox = Outbox(new_id)
        self.requests = Requests()
        self.conversation = Conversation("conv", OPENAI, self.outbox)
        self.phrases: tuple[str, ...] = ("one",)
        self.transcription = Transcription(
            "ru-RU",
            lambda: self.phrases,
            scribe=Scribe(self.outbox, self.conversation, OPENAI, Behaviour(**behaviour), new_id),
            requests=self.requests,
        )

    def add(self, item_id: str, *parts: AudioPart | TextPart) -> Message:
        item = Message(item_id, "user", list(parts))
        self.conversation.add(item)
        self.transcription.enqueue(item)
        self.outbox.drain()
        return item

    def asked(self) -> list[Recognize]:
        self.transcription.request_next()
        return [request for request in self.requests.drain() if isinstance(request, Recognize)]

    def events(self) -> list[dict[str, object]]:
        return [json.loads(text) for text in self.outbox.drain()]


def test_recogniser_gets_the_audio_and_the_phrases_of_the_moment() -> None:
    stage = Stage()
    stage.add("a", spoken())
    stage.phrases = ("two", "three")
    [request] = stage.asked()
    assert (request.rate, len(request.pcm), request.phrases, request.language) == (
        8000,
        4000,
        ("two", "three"),
        "ru-RU",
    )


def test_utterances_are_recognised_one_after_the_other() -> None:
    stage = Stage()
    stage.add("a", spoken())
    stage.add("b", spoken())
    [first] = stage.asked()
    assert stage.asked() == []
    assert stage.transcription.pending_ids == {"a", "b"}
    stage.transcription.recognized(first.id, "hi", is_told=True)
    assert stage.transcription.pending_ids == {"b"}
    assert len(stage.asked()) == 1


def test_text_is_told_and_kept() -> None:
    stage = Stage()
    item = stage.add("a", TextPart("input_text", "so:"), spoken(1.25))
    [request] = stage.asked()
    stage.transcription.recognized(request.id, "hello", is_told=True)
    [event] = stage.events()
    assert event["type"] == "conversation.item.input_audio_transcription.completed"
    assert (event["item_id"], event["content_index"], event["transcript"]) == ("a", 1, "hello")
    assert event["usage"] == {"type": "duration", "seconds": 1.25}
    assert item.text == "so: hello"


def test_failure_is_told_and_leaves_no_text() -> None:
    stage = Stage()
    item = stage.add("a", spoken())
    [request] = stage.asked()
    stage.transcription.failed(request.id, "gone", is_told=True)
    [event] = stage.events()
    assert event["type"] == "conversation.item.input_audio_transcription.failed"
    assert event["error"]["message"] == "gone"
    assert (item.text, stage.transcription.pending_ids) == ("", frozenset())


def test_nothing_is_told_when_the_client_does_not_want_it() -> None:
    stage = Stage()
    item = stage.add("a", spoken(), spoken())
    stage.transcription.recognized(stage.asked()[0].id, "hi", is_told=False)
    stage.transcription.failed(stage.asked()[0].id, "gone", is_told=False)
    assert stage.events() == []
    assert item.text == "hi"


def test_nothing_is_told_of_a_deleted_item() -> None:
    stage = Stage()
    stage.add("a", spoken())
    [request] = stage.asked()
    stage.conversation.delete("a")
    stage.outbox.drain()
    stage.transcription.recognized(request.id, "hi", is_told=True)
    assert stage.events() == []


def test_items_without_audio_need_nothing() -> None:
    stage = Stage()
    stage.add("a", TextPart("input_text", "hi"))
    assert stage.asked() == []
    assert stage.transcription.pending_ids == frozenset()


def test_unknown_results_are_ignored() -> None:
    stage = Stage()
    stage.transcription.recognized(5, "hi", is_told=True)
    stage.add("a", spoken())
    [request] = stage.asked()
    stage.transcription.failed(request.id + 1, "gone", is_told=True)
    assert stage.events() == []
    assert stage.transcription.pending_ids == {"a"}
