"""Calls with the official `openai` SDK about what a session holds, tells and ends of. Each function is one call."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from collections.abc import Callable

import openai
from openai_client import RATE, Given, client_of, connected, expect
from websockets.exceptions import ConnectionClosed, InvalidStatus

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
