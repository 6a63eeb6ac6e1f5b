"""A client of a realtime server made with the official `openai` SDK, as its own guide uses it.

`given` holds `url`, `profile` and, for spoken calls, `audio`: files of raw PCM16 at 24 kHz, by what is said in them.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import openai
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent

RATE = 24000
FRAME_BYTES = RATE // 10 * 2
TOOLS = [
    {
        "type": "function",
        "name": name,
        "description": "A function of the desk.",
        "parameters": {"type": "object", "properties": {}},
    }
    for name in ("switch_feature", "get_weather", "get_time")
]
OUTPUTS = {
    "switch_feature": '{"state": "on"}',
    "get_weather": '{"sky": "blue"}',
    "get_time": '{"time": "noon"}',
}

Given = dict[str, object]


def expect(found: object, wanted: object) -> None:
    assert found == wanted, f"{found!r} is not {wanted!r}"


def recorded(given: Given, words: str) -> bytes:
    """Returns speech and the second of silence after it, which ends a turn."""
    return Path(given["audio"][words]).read_bytes() + bytes(RATE * 2)


class Call:
    """One connection: what was received, and the client's next move on top of the SDK's methods."""

    def __init__(self, connection: AsyncRealtimeConnection, given: Given) -> None:
        self.connection = connection
        self.given = given
        self.received: list[RealtimeServerEvent] = []

    async def until(self, wire_type: str, count: int = 1) -> RealtimeServerEvent:
        """Receives until `count` more events of a type have come; returns the last."""
        while True:
            event = await self.connection.recv()
            self.received.append(event)
            assert wire_type == "error" or event.type != "error", event
            if event.type == wire_type:
                count -= 1
                if not count:
                    return event

    async def configure(self, **session: object) -> RealtimeServerEvent:
        pcm = {"type": "audio/pcm", "rate": RATE}
        audio = session.pop("audio", {})
        await self.connection.session.update(
            session={
                "type": "realtime",
                "tools": TOOLS,
                "audio": {
                    "input": {
                        "format": pcm,
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
                        "transcription": {"model": "any"},
                        **audio.get("input", {}),
                    },
                    "output": {"format": pcm},
                },
                **session,
            }
        )
        return await self.until("session.updated")

    async def write(self, text: str, **fields: object) -> None:
        await self.connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}],
                **fields,
            }
        )

    async def ask(self, text: str, **response: object) -> RealtimeServerEvent:
        """Writes a text and returns the `response.done` that answers it."""
        await self.write(text)
        await self.connection.response.create(response=response)
        return await self.until("response.done")

    async def say(self, words: str) -> None:
        """Sends recorded speech and the silence after it, as fast as it goes: positions in it are what counts."""
        pcm = recorded(self.given, words)
        for start in range(0, len(pcm), FRAME_BYTES):
            piece = base64.b64encode(pcm[start : start + FRAME_BYTES]).decode()
            await self.connection.input_audio_buffer.append(audio=piece)

    async def output(self, item: object) -> None:
        await self.connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": item.call_id, "output": OUTPUTS[item.name]}
        )

    def of_type(self, wire_type: str) -> list[RealtimeServerEvent]:
        return [event for event in self.received if event.type == wire_type]

    def said(self) -> list[str]:
        return [event.transcript for event in self.of_type("response.output_audio_transcript.done")]


def client_of(given: Given, **options: object) -> openai.AsyncOpenAI:
    base = given["url"].removesuffix("/realtime")
    return openai.AsyncOpenAI(api_key="any", websocket_base_url=base, **options)


@asynccontextmanager
async def connected(given: Given, **options: object) -> AsyncIterator[Call]:
    """Connects as the SDK's guide does and configures the session."""
    model = "gpt://folder/speech-realtime-250923" if given["profile"] == "yandex" else "gpt-realtime"
    async with client_of(given).realtime.connect(
        model=given.get("model", model), max_retries=0
    ) as connection:
        call = Call(connection, given)
        first = await call.until("session.created")
        expect(call.received, [first])
        expect(first.session.model, given.get("model", model))
        updated = await call.configure(**options)
        expect(updated.session.id, first.session.id)
        yield call
