"""Calls to a realtime server with `openai-agents`, whose client validates each event. Each function is one call.

`given` holds `url` and, for spoken calls, `audio`: files of raw PCM16 at 24 kHz, by what is said in them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession

RATE = 24000
SETTINGS = {
    "audio": {
        "input": {
            "transcription": {"model": "any"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 400, "interrupt_response": True},
        }
    },
}

Given = dict[str, object]


def recorded(given: Given, words: str) -> bytes:
    """Returns speech and the second of silence after it, which ends a turn."""
    return Path(given["audio"][words]).read_bytes() + bytes(RATE * 2)


class Call:
    """One session of an agent with one tool, and what it told."""

    def __init__(self, session: RealtimeSession, given: Given, switched: list[str]) -> None:
        self.session = session
        self.given = given
        self.switched = switched
        self.told: list[object] = []
        self._events = aiter(session)

    async def until(self, kind: str, count: int = 1) -> object:
        """Reads events until there were `count` of a kind, and returns the last; `error` is always wrong."""
        while len(found := [event for event in self.told if event.type == kind]) < count:
            event = await anext(self._events)
            assert event.type != "error", event.error
            self.told.append(event)
        return found[-1]

    async def say(self, words: str) -> None:
        await self.session.send_audio(recorded(self.given, words))

    def transcripts(self, role: str) -> list[str]:
        """Returns what was said by one side, as the session's own history has it now."""
        histories = [event.history for event in self.told if event.type == "history_updated"]
        items = [item for item in histories[-1] if item.type == "message" and item.role == role]
        return [
            part.transcript
            for item in items
            for part in item.content
            if part.type in ("audio", "input_audio")
        ]


@asynccontextmanager
async def connected(given: Given) -> AsyncIterator[Call]:
    switched: list[str] = []

    @function_tool
    def switch_feature(feature: str) -> str:
        """Switches a feature of the telephone."""
        switched.append(feature)
        return '{"state": "on"}'

    agent = RealtimeAgent(name="Desk", instructions="Be brief.", tools=[switch_feature])
    runner = RealtimeRunner(agent, config={"tracing_disabled": True})
    model_config = {
        "url": f"{given['url']}?model=gpt-realtime",
        "api_key": "any",
        "initial_model_settings": SETTINGS,
    }
    async with await runner.run(model_config=model_config) as session:
        yield Call(session, given, switched)


def expect(found: object, wanted: object) -> None:
    assert found == wanted, f"{found!r} is not {wanted!r}"


async def text_turn(given: Given) -> None:
    async with connected(given) as call:
        await call.session.send_message("hello")
        audio = await call.until("audio")
        assert audio.audio.data
        await call.until("agent_end")
        expect(call.transcripts("assistant"), ["Hello to you."])


async def spoken_turn(given: Given) -> None:
    async with connected(given) as call:
        await call.say("hello")
        await call.until("agent_end")
        await call.say("goodbye")
        await call.until("agent_end", 2)
        expect(call.transcripts("user"), ["hello", "goodbye"])
        expect(call.transcripts("assistant"), ["Hello to you.", "Goodbye!"])


async def function_call(given: Given) -> None:
    async with connected(given) as call:
        await call.say("call forwarding")
        ended = await call.until("tool_end")
        expect(ended.output, '{"state": "on"}')
        await call.until("agent_end", 2)
        expect(call.switched, ["call forwarding"])
        expect(call.transcripts("assistant"), ["One moment.", "It is now on."])


async def barge_in(given: Given) -> None:
    async with connected(given) as call:
        await call.session.send_message("one moment please")
        spoken = await call.until("audio", 2)
        await call.say("hello")
        interrupted = await call.until("audio_interrupted")
        expect(interrupted.item_id, spoken.item_id)
        await call.until("agent_end", 2)
        expect(call.transcripts("assistant")[-1], "Hello to you.")
