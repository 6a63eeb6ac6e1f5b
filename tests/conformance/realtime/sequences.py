"""What realtime servers say, in the order in which they say it: the sequences of the Realtime API's guide, as data.

Sources: Yandex AI Studio, "Realtime API"; the OpenAI Realtime guides; reports of clients of the live service for what
they leave open.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

import numpy as np

from conformance.realtime.scripted_server import APPEND, Hear, JsonObject, Step
from conformance.realtime.server_messages import item, response, session

CREATED: JsonObject = {"type": "session.created", "event_id": "event_s1", "session": session()}
UPDATED: JsonObject = {"type": "session.updated", "event_id": "event_s2", "session": session()}
CONNECTED: Sequence[Step] = (CREATED, Hear("session.update"), UPDATED)

BETA = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}


def event(wire_type: str, **fields: object) -> JsonObject:
    """Returns a message."""
    return {"type": wire_type, "event_id": f"event_{wire_type}", **fields}


def level(amplitude: int, ms: int, rate: int = 24000) -> bytes:
    """Returns audio that is one constant level, so that it can be told from other audio wherever it is heard."""
    return np.full(rate * ms // 1000, amplitude, dtype="<i2").tobytes()


def deltas(pcm: bytes, part: JsonObject, *, chunk_bytes: int = 9600) -> Iterator[JsonObject]:
    """Yields audio in chunks, of 200 ms at 24 kHz by default."""
    for begin in range(0, len(pcm), chunk_bytes):
        text = base64.b64encode(pcm[begin : begin + chunk_bytes]).decode()
        yield event("response.output_audio.delta", **part, delta=text)


def speech(user_item: str = "item_u") -> list[JsonObject]:
    """Returns how a turn of the caller is noticed."""
    spoken = item("message", id=user_item, role="user", content=[{"type": "input_audio", "transcript": None}])
    return [
        event("input_audio_buffer.speech_started", audio_start_ms=100, item_id=user_item),
        event("input_audio_buffer.speech_stopped", audio_end_ms=900, item_id=user_item),
        event("input_audio_buffer.committed", item_id=user_item, previous_item_id=None),
        event("conversation.item.created", item=spoken, previous_item_id=None),
        event("conversation.item.added", item=spoken, previous_item_id=None),
        event("conversation.item.done", item=spoken, previous_item_id=None),
    ]


def transcription(text: str, user_item: str = "item_u") -> JsonObject:
    """Returns what the caller is understood to have said."""
    name = "conversation.item.input_audio_transcription.completed"
    return event(name, item_id=user_item, content_index=0, transcript=text)


class Answer:
    """One spoken response, message by message.

    Args:
        number: Makes its ids.
        pcm: What is spoken.
        chunk_bytes: Bytes of one delta.
    """

    def __init__(self, number: int, pcm: bytes, *, chunk_bytes: int = 9600) -> None:
        self.id, self.item_id = f"resp_{number}", f"item_{number}"
        self._part: JsonObject = {
            "response_id": self.id,
            "output_index": 0,
            "item_id": self.item_id,
            "content_index": 0,
        }
        self.audio = list(deltas(pcm, self._part, chunk_bytes=chunk_bytes))

    def begin(self) -> list[JsonObject]:
        """Returns all up to the first delta."""
        empty = self._item("in_progress")
        return [
            event("response.created", response=response(id=self.id)),
            event("response.output_item.added", response_id=self.id, output_index=0, item=empty),
            event("conversation.item.created", item=empty, previous_item_id="item_u"),
            event("response.content_part.added", **self._part, part={"type": "output_audio"}),
        ]

    def words(self, text: str) -> JsonObject:
        """Returns text that is about to be spoken."""
        return event("response.output_text.delta", **self._part, delta=text)

    def end(self, text: str = "Да.", status: str = "completed", **fields: object) -> list[JsonObject]:
        """Returns all after the last delta."""
        return [*self.end_of_item(text, status), self.done(status, **fields)]

    def end_of_item(self, text: str = "Да.", status: str = "completed") -> list[JsonObject]:
        """Returns what ends the item but not the response."""
        finished = self._item("completed" if status == "completed" else "incomplete")
        return [
            event("response.output_audio.done", **self._part),
            event("response.output_audio_transcript.done", **self._part, transcript=text),
            event(
                "response.content_part.done", **self._part, part={"type": "output_audio", "transcript": text}
            ),
            event("response.output_item.done", response_id=self.id, output_index=0, item=finished),
        ]

    def done(self, status: str = "completed", **fields: object) -> JsonObject:
        """Returns the last message."""
        finished = response(status, id=self.id, output=[self._item(status)], **fields)
        return event("response.done", response=finished)

    def whole(self, text: str = "Да.") -> list[JsonObject]:
        """Returns the response from start to end."""
        return [*self.begin(), *self.audio, *self.end(text)]

    def _item(self, status: str) -> JsonObject:
        return item("message", id=self.item_id, role="assistant", status=status)


def in_pace(messages: Sequence[JsonObject]) -> Iterator[Step]:
    """Yields each message after 20 ms more of the caller's audio: deltas of 200 ms come at 10 times real time."""
    for message in messages:
        yield Hear(APPEND)
        yield message


def in_beta(messages: Sequence[JsonObject]) -> list[JsonObject]:
    """Returns messages as servers of the protocol's beta spell them."""
    return [{**message, "type": BETA.get(str(message["type"]), message["type"])} for message in messages]


def function_call(name: str, arguments: str, call_id: str = "call_1", number: int = 1) -> list[JsonObject]:
    """Returns a response that is one function call."""
    resp, item_id = f"resp_{number}", f"item_{number}"
    fields = {"id": item_id, "name": name, "call_id": call_id}
    place = {"response_id": resp, "output_index": 0}
    called = item("function_call", **fields, arguments=arguments, status="completed")
    return [
        event("response.created", response=response(id=resp)),
        event(
            "response.output_item.added", **place, item=item("function_call", **fields, status="in_progress")
        ),
        event(
            "response.function_call_arguments.delta",
            **place,
            item_id=item_id,
            call_id=call_id,
            delta=arguments,
        ),
        event(
            "response.function_call_arguments.done",
            **place,
            item_id=item_id,
            call_id=call_id,
            arguments=arguments,
        ),
        event("response.output_item.done", **place, item=called),
        event("response.done", response=response("completed", id=resp, output=[called])),
    ]
