"""Calls with the official `openai` SDK in which something is said, or done for the caller. Each function is one call."""

from __future__ import annotations

import base64
import json

from openai_client import RATE, Given, connected, expect

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
