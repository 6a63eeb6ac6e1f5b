"""Calls to a realtime server with the official `openai` SDK, as its own guide uses it. Each function is one call.

`given` holds `url`, `profile` and, for spoken calls, `audio`: files of raw PCM16 at 24 kHz, by what is said in them.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import openai
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from websockets.exceptions import ConnectionClosed, InvalidStatus

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


# Turns


async def text_turn(given: Given) -> None:
    async with connected(given, instructions="Be brief.") as call:
        done = await call.ask("hello", metadata={"topic": "greeting"})
        expect(done.response.status, "completed")
        expect(done.response.metadata, {"topic": "greeting"})
        assert done.response.usage.total_tokens > 0
        expect(call.said(), ["Hello to you."])
        audio = b"".join(
            base64.b64decode(event.delta) for event in call.of_type("response.output_audio.delta")
        )
        assert len(audio) > RATE // 10, len(audio)
        (limits,) = call.of_type("rate_limits.updated")
        assert {limit.name for limit in limits.rate_limits} == {"requests", "tokens"}


async def text_modality(given: Given) -> None:
    async with connected(given, output_modalities=["text"]) as call:
        done = await call.ask("hello")
        expect([part.text for part in done.response.output[0].content], ["Hello to you."])
        deltas = "".join(event.delta for event in call.of_type("response.output_text.delta"))
        expect(deltas, "Hello to you.")
        assert not call.of_type("response.output_audio.delta")


async def other_rates(given: Given) -> None:
    """Yandex's samples use 44.1 kHz, telephony 8 kHz; the official types know 24 kHz alone."""
    async with connected(given) as call:
        session = {"type": "realtime", "audio": {}}
        for side, rate in (("input", 8000), ("output", 44100)):
            session["audio"][side] = {"format": {"type": "audio/pcm", "rate": rate}}
        await call.connection.session.update(session=session)
        updated = await call.until("session.updated")
        expect(updated.session.audio.output.format.rate, 44100)
        expect((await call.ask("hello")).response.status, "completed")


async def spoken_turn(given: Given) -> None:
    async with connected(given) as call:
        for words in ("hello", "goodbye"):
            await call.say(words)
            await call.until("response.done")
        heard = call.of_type("conversation.item.input_audio_transcription.completed")
        expect([event.transcript for event in heard], ["hello", "goodbye"])
        expect(call.said(), ["Hello to you.", "Goodbye!"])
        stopped = call.of_type("input_audio_buffer.speech_stopped")
        expect([event.item_id for event in heard], [event.item_id for event in stopped])


async def manual_turn(given: Given) -> None:
    async with connected(given, audio={"input": {"turn_detection": None}}) as call:
        await call.say("goodbye")
        await call.connection.input_audio_buffer.clear()
        await call.until("input_audio_buffer.cleared")
        await call.say("hello")
        await call.connection.input_audio_buffer.commit()
        await call.until("input_audio_buffer.committed")
        await call.connection.response.create()
        await call.until("response.done")
        expect(call.said(), ["Hello to you."])
        assert not call.of_type("input_audio_buffer.speech_started")


async def not_understood(given: Given) -> None:
    async with connected(given) as call:
        await call.connection.response.create()
        await call.until("response.done")
        await call.say("mumble")
        await call.until("response.done")
        expect(call.said(), ["Welcome to the desk.", "Pardon me?"])


# Functions


async def function_answered_after_the_response(given: Given) -> None:
    async with connected(given) as call:
        done = await call.ask("call forwarding")
        (item,) = (item for item in done.response.output if item.type == "function_call")
        expect(json.loads(item.arguments), {"feature": "call forwarding"})
        await call.output(item)
        await call.connection.response.create()
        await call.until("response.done")
        expect(call.said(), ["One moment.", "It is now on."])


async def function_answered_within_the_response(given: Given) -> None:
    async with connected(given) as call:
        await call.write("call forwarding")
        await call.connection.response.create()
        while (event := await call.until("response.output_item.done")).item.type != "function_call":
            pass
        await call.output(event.item)
        await call.connection.response.create()
        await call.until("response.done", 2)
        expect(call.said(), ["One moment.", "It is now on."])


async def several_functions(given: Given) -> None:
    async with connected(given) as call:
        done = await call.ask("do not disturb")
        expect([item.name for item in done.response.output], ["get_weather", "get_time"])
        for item in done.response.output:
            await call.output(item)
        await call.connection.response.create()
        await call.until("response.done")
        expect(call.said(), ["It is blue at noon."])


async def function_asked_for_by_voice(given: Given) -> None:
    async with connected(given) as call:
        await call.say("call forwarding")
        done = await call.until("response.done")
        (item,) = (item for item in done.response.output if item.type == "function_call")
        await call.output(item)
        await call.connection.response.create()
        await call.until("response.done")
        expect(call.said(), ["One moment.", "It is now on."])


# Tools of an MCP server, which the realtime server runs by itself. `given["shop"]` is the URL of one.


def mcp_tool(given: Given, **fields: object) -> dict[str, object]:
    return {
        "type": "mcp",
        "server_label": "shop",
        "server_url": given["shop"],
        "require_approval": "never",
        **fields,
    }


async def mcp_tools(given: Given) -> None:
    async with connected(given, tools=[mcp_tool(given)]) as call:
        await call.until("mcp_list_tools.completed")
        listed = call.of_type("conversation.item.done")[-1].item
        expect((listed.type, listed.server_label), ("mcp_list_tools", "shop"))
        assert "price" in [tool.name for tool in listed.tools]
        done = await call.ask("what does tea cost")
        (called,) = (item for item in done.response.output if item.type == "mcp_call")
        assert called.output, called
        # The server goes on by itself.
        await call.until("response.done")
        done = await call.ask("open the till")
        (called,) = (item for item in done.response.output if item.type == "mcp_call")
        expect(called.error.type, "tool_execution_error")
        await call.until("response.done")
        expect(call.said(), ["It is 3 euro.", "The till is stuck."])


async def mcp_approval(given: Given) -> None:
    async with connected(given, tools=[mcp_tool(given, require_approval="always")]) as call:
        await call.until("mcp_list_tools.completed")
        await call.write("what does tea cost")
        await call.connection.response.create()
        while (event := await call.until("conversation.item.done")).item.type != "mcp_approval_request":
            pass
        await call.connection.conversation.item.create(
            item={
                "type": "mcp_approval_response",
                "id": "approval_1",
                "approval_request_id": event.item.id,
                "approve": True,
            }
        )
        await call.until("response.done", 2)
        expect(call.said(), ["It is 3 euro."])


async def mcp_listing_fails(given: Given) -> None:
    tool = mcp_tool({"shop": "http://127.0.0.1:9/mcp"})
    async with connected(given, tools=[tool]) as call:
        await call.until("mcp_list_tools.failed")
        expect((await call.ask("hello")).response.status, "completed")


# Interruptions


async def cancel(given: Given) -> None:
    async with connected(given) as call:
        await call.write("one moment please")
        await call.connection.response.create()
        await call.until("response.output_audio.delta", 2)
        await call.connection.response.cancel()
        done = await call.until("response.done")
        expect(done.response.status, "cancelled")
        expect(done.response.status_details.reason, "client_cancelled")
        expect(done.response.output[0].status, "incomplete")


async def truncate(given: Given) -> None:
    async with connected(given) as call:
        done = await call.ask("hello")
        item_id = done.response.output[0].id
        await call.connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=120)
        truncated = await call.until("conversation.item.truncated")
        expect((truncated.item_id, truncated.audio_end_ms), (item_id, 120))
        await call.connection.conversation.item.retrieve(item_id=item_id)
        retrieved = await call.until("conversation.item.retrieved")
        (part,) = retrieved.item.content
        expect(len(base64.b64decode(part.audio)), 120 * RATE // 1000 * 2)
        assert part.transcript is None


async def barge_in(given: Given) -> None:
    async with connected(given) as call:
        await call.write("one moment please")
        await call.connection.response.create()
        delta = await call.until("response.output_audio.delta", 2)
        await call.say("hello")
        await call.until("input_audio_buffer.speech_started")
        done = await call.until("response.done")
        expect(done.response.id, delta.response_id)
        expect(done.response.status_details.reason, "turn_detected")
        await call.connection.conversation.item.truncate(
            item_id=delta.item_id, content_index=0, audio_end_ms=100
        )
        await call.until("response.done")
        assert call.of_type("conversation.item.truncated")
        expect(call.said()[-1], "Hello to you.")


# Items and errors


async def items(given: Given) -> None:
    async with connected(given) as call:
        create = call.connection.conversation.item.create
        placed = {}
        system = {
            "type": "message",
            "role": "system",
            "content": [{"type": "input_text", "text": "Be kind."}],
        }
        for item_id, previous in (
            ("mine_1", None),
            ("mine_2", None),
            ("first", "root"),
            ("between", "mine_1"),
        ):
            place = {"previous_item_id": previous} if previous else {}
            await create(item={**system, "id": item_id}, **place)
            placed[item_id] = (await call.until("conversation.item.added")).previous_item_id
        expect(placed, {"mine_1": None, "mine_2": "mine_1", "first": None, "between": "mine_1"})
        await call.connection.conversation.item.retrieve(item_id="between")
        retrieved = await call.until("conversation.item.retrieved")
        expect(retrieved.item.content[0].text, "Be kind.")
        await call.connection.conversation.item.delete(item_id="between")
        expect((await call.until("conversation.item.deleted")).item_id, "between")
        expect((await call.ask("hello")).response.status, "completed")


async def errors(given: Given) -> None:
    async with connected(given) as call:
        item = call.connection.conversation.item
        text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        wrong: list[tuple[str, Callable[[], object]]] = [
            ("item_retrieve_invalid_item_id", lambda: item.retrieve(item_id="no", event_id="e0")),
            ("item_delete_invalid_item_id", lambda: item.delete(item_id="no", event_id="e1")),
            (
                "item_truncate_invalid_item_id",
                lambda: item.truncate(item_id="no", content_index=0, audio_end_ms=1, event_id="e2"),
            ),
            ("response_cancel_not_active", lambda: call.connection.response.cancel(event_id="e3")),
            (
                "input_audio_buffer_commit_empty",
                lambda: call.connection.input_audio_buffer.commit(event_id="e4"),
            ),
            ("invalid_value", lambda: call.connection.input_audio_buffer.append(audio="!", event_id="e5")),
            (None, lambda: item.create(item=text, previous_item_id="no", event_id="e6")),
            (None, lambda: call.connection.send({"type": "no.such.event", "event_id": "e7"})),
            (None, lambda: call.connection.send({"event_id": "e8"})),
            (
                None,
                lambda: call.connection.session.update(
                    session={"type": "realtime", "tools": 5}, event_id="e9"
                ),
            ),
        ]
        for number, (code, send) in enumerate(wrong):
            await send()
            error = (await call.until("error")).error
            assert error.event_id == f"e{number}", error
            assert error.type == "invalid_request_error", error
            assert code in (None, error.code), error
        await call.write("one moment please")
        await call.connection.response.create()
        await call.connection.response.create(event_id="second")
        error = (await call.until("error")).error
        expect((error.code, error.event_id), ("conversation_already_has_active_response", "second"))
        expect((await call.until("response.done")).response.status, "completed")


async def beside_the_conversation(given: Given) -> None:
    async with connected(given) as call:
        await call.write("one moment please")
        await call.connection.response.create()
        text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        for kind in ("text", "audio"):
            await call.connection.response.create(
                response={
                    "conversation": "none",
                    "input": [text],
                    "output_modalities": [kind],
                    "metadata": {"kind": kind},
                }
            )
        await call.until("response.done", 3)
        done = [event.response for event in call.of_type("response.done")]
        beside = {response.metadata["kind"]: response for response in done if response.metadata}
        expect(sorted(beside), ["audio", "text"])
        expect(beside["text"].output[0].content[0].text, "Hello to you.")
        expect(beside["audio"].output[0].content[0].transcript, "Hello to you.")
        in_conversation = {event.item.id for event in call.of_type("conversation.item.added")}
        assert not in_conversation & {item.id for response in beside.values() for item in response.output}


# Time and limits


async def idle_timeout(given: Given) -> None:
    rules = {"type": "server_vad", "idle_timeout_ms": 300}
    async with connected(given, audio={"input": {"turn_detection": rules}}) as call:
        await call.ask("hello")
        await call.connection.input_audio_buffer.append(audio=base64.b64encode(bytes(RATE * 2)).decode())
        timeout = await call.until("input_audio_buffer.timeout_triggered")
        expect(timeout.audio_end_ms - timeout.audio_start_ms, 300)
        await call.until("response.done")
        expect(call.said(), ["Hello to you.", "Are you still there?"])


async def incomplete(given: Given) -> None:
    async with connected(given) as call:
        done = await call.ask("one moment please", max_output_tokens=3)
        expect(done.response.status, "incomplete")
        expect(done.response.status_details.reason, "max_output_tokens")


async def expires(given: Given) -> None:
    """The server says that time is over, and closes; how far the client came until then is no matter."""
    async with client_of(given).realtime.connect(model="gpt://folder/model", max_retries=0) as connection:
        while (event := await connection.recv()).type != "error":
            pass
        expect(event.error.code, "session_expired")
        try:
            await connection.recv()
        except ConnectionClosed as closed:
            expect(closed.rcvd.code, 1001)
        else:
            raise AssertionError("the session is still open")


async def ended_by_the_service(given: Given) -> None:
    async with connected(given) as call:
        done = (await call.ask("mumble of failure")).response
        expect((done.status, done.status_details.type), ("failed", "failed"))
        done = (await call.ask("mumble of secrets")).response
        expect((done.status, done.status_details.reason), ("incomplete", "content_filter"))


# What a server tells when it is set to: transcripts in parts, its output buffer, keys.


async def transcript_in_parts(given: Given) -> None:
    async with connected(given) as call:
        await call.say("one moment please")
        await call.until("response.done")
        prefix = "conversation.item.input_audio_transcription"
        deltas = "".join(event.delta for event in call.of_type(f"{prefix}.delta"))
        (segment,) = call.of_type(f"{prefix}.segment")
        (completed,) = call.of_type(f"{prefix}.completed")
        expect((deltas, segment.text), (completed.transcript, completed.transcript))


async def output_buffer(given: Given) -> None:
    async with connected(given) as call:
        done = await call.ask("hello")
        stopped = await call.until("output_audio_buffer.stopped")
        expect(stopped.response_id, done.response.id)
        await call.write("one moment please")
        await call.connection.response.create()
        delta = await call.until("response.output_audio.delta")
        await call.connection.response.cancel()
        await call.connection.output_audio_buffer.clear()
        expect((await call.until("output_audio_buffer.cleared")).response_id, delta.response_id)
        expect(len(call.of_type("output_audio_buffer.started")), 2)


async def keys(given: Given) -> None:
    async with connected(given) as call:
        await call.say("keys 4 2")
        await call.until("input_audio_buffer.dtmf_event_received", 2)
        pressed = call.of_type("input_audio_buffer.dtmf_event_received")
        expect([event.event for event in pressed], ["4", "2"])


# A process that is stopped cannot answer before it is killed.


async def voice_dies(given: Given) -> None:
    async with connected(given) as call:
        await call.write("one moment please")
        os.kill(given["pid"], signal.SIGSTOP)
        await call.connection.response.create()
        await call.until("response.created")
        os.kill(given["pid"], signal.SIGKILL)
        error = (await call.until("error")).error
        expect((error.type, error.event_id), ("server_error", None))
        (done,) = call.of_type("response.done") or [await call.until("response.done")]
        expect(done.response.status, "failed")
        expect(done.response.status_details.error.code, "speech_failed")
        expect((await call.ask("hello")).response.status, "completed")


async def recognition_dies(given: Given) -> None:
    async with connected(given) as call:
        os.kill(given["pid"], signal.SIGSTOP)
        await call.say("hello")
        await call.until("input_audio_buffer.committed")
        os.kill(given["pid"], signal.SIGKILL)
        error = (await call.until("error")).error
        expect((error.type, error.event_id), ("server_error", None))
        failed = "conversation.item.input_audio_transcription.failed"
        (event,) = call.of_type(failed) or [await call.until(failed)]
        expect(event.error.code, "recognition_failed")


# Opening and closing


async def refused(given: Given) -> None:
    expect(await status_of(given, default_headers={"Authorization": "Api-Key"}), 401)


async def refused_by_fault(given: Given) -> None:
    expect(await status_of(given), given["status"])


async def status_of(given: Given, **options: object) -> int:
    try:
        async with client_of(given, **options).realtime.connect(model="gpt://f/m", max_retries=0):
            raise AssertionError("the upgrade was not refused")
    except InvalidStatus as error:
        return error.response.status_code


async def api_key_scheme(given: Given) -> None:
    client = client_of(given, default_headers={"Authorization": "Api-Key any"}, project="folder")
    async with client.realtime.connect(model="gpt://f/m", max_retries=0) as connection:
        expect((await connection.recv()).type, "session.created")


async def bare_model(given: Given) -> None:
    """A bare model name: the upgrade succeeds, the server says what it misses and closes."""
    async with client_of(given).realtime.connect(model="m", max_retries=0) as connection:
        expect((await connection.recv()).error.param, "model")
        try:
            await connection.recv()
        except ConnectionClosed as closed:
            expect(closed.rcvd.code, 1008)
        else:
            raise AssertionError("the session is still open")


async def server_goes(given: Given) -> None:
    async with connected(given) as call:
        os.kill(given["pid"], signal.SIGINT)
        try:
            await call.until("response.done")
        except ConnectionClosed as closed:
            expect(closed.rcvd.code, 1001)


async def sync_client(given: Given) -> None:
    def talk() -> None:
        base = given["url"].removesuffix("/realtime")
        client = openai.OpenAI(api_key="any", websocket_base_url=base)
        with client.realtime.connect(model="gpt://folder/model", max_retries=0) as connection:
            connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            content = [{"type": "input_text", "text": "hello"}]
            connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
            connection.response.create()
            said = ""
            for event in connection:
                assert event.type != "error", event
                if event.type == "response.output_text.delta":
                    said += event.delta
                if event.type == "response.done":
                    break
            expect(said, "Hello to you.")

    await asyncio.to_thread(talk)
